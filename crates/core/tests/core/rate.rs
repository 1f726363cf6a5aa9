//! The decayed rate against its closed form.

use std::thread;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use protobalance_core::moment::Moment;
use protobalance_core::rate::DecayedRate;

use crate::model;

const START: Moment = Moment(5_000_000);

proptest! {
    #![proptest_config(model::cases(300))]

    #[test]
    fn it_is_the_sum_of_decayed_amounts(
        amounts in vec((0.001..1e9f64, 0..5_000u64), 1..50),
        window_ms in 10..100_000u64,
        days_since_start in 0..1_000u64,
    ) {
        let window = Duration::from_millis(window_ms);
        let rate = DecayedRate::new(window);
        let mut now = START.after(Duration::from_secs(days_since_start * 86_400));
        let mut sum = 0.0;
        for (amount, pause_ms) in amounts {
            let pause = Duration::from_millis(pause_ms);
            now = now.after(pause);
            sum = sum * (-pause.as_secs_f64() / window.as_secs_f64()).exp() + amount;
            rate.add(amount, now);
        }
        let expected = sum / window.as_secs_f64();
        let got = rate.per_second(now);
        prop_assert!((got / expected - 1.0).abs() < 1e-4, "{} instead of {}", got, expected);
    }

    #[test]
    fn the_larger_score_is_the_larger_rate(one in 0.1..1e6f64, other in 0.1..1e6f64, pause_ms in 0..60_000u64) {
        let window = Duration::from_secs(10);
        let (earlier, later) = (DecayedRate::new(window), DecayedRate::new(window));
        let now = START.after(Duration::from_millis(pause_ms));
        earlier.add(one, START);
        later.add(other, now);
        prop_assert_eq!(earlier.score() < later.score(), earlier.per_second(now) < later.per_second(now));
    }

    #[test]
    fn a_new_window_keeps_the_rate(amount in 0.1..1e6f64, old_ms in 10..100_000u64, new_ms in 10..100_000u64) {
        let rate = DecayedRate::new(Duration::from_millis(old_ms));
        rate.add(amount, START);
        let before = rate.per_second(START);
        rate.set_window(Duration::from_millis(new_ms), START);
        prop_assert!((rate.per_second(START) / before - 1.0).abs() < 1e-6);
        let later = START.after(Duration::from_millis(new_ms));
        let expected = before * (-1.0f64).exp();
        prop_assert!((rate.per_second(later) / expected - 1.0).abs() < 1e-6);
    }
}

#[test]
fn nothing_added_is_zero() {
    let rate = DecayedRate::new(Duration::from_secs(1));
    for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        rate.add(nothing, START);
    }
    rate.set_window(Duration::from_secs(2), START);
    assert_eq!((rate.score(), rate.per_second(START)), (f64::NEG_INFINITY, 0.0));
}

#[test]
fn workers_lose_nothing_of_what_they_add() {
    let rate = DecayedRate::new(Duration::from_secs(1));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| rate.add(1.0, START)));
        }
    });
    let got = rate.per_second(START);
    assert!((got - 40_000.0).abs() < 0.01, "{got}");
}

#[test]
fn a_window_changed_under_load_leaves_no_absurd_rate() {
    let rate = DecayedRate::new(Duration::from_secs(10));
    let now = START.after(Duration::from_secs(86_400));
    thread::scope(|scope| {
        scope.spawn(|| (0..20_000).for_each(|_| rate.add(1.0, now)));
        scope.spawn(|| (0..20_000).for_each(|_| rate.add(1.0, now)));
        for seconds in (1..=50).flat_map(|_| [1, 10]) {
            rate.set_window(Duration::from_secs(seconds), now);
        }
    });
    let got = rate.per_second(now);
    assert!((0.0..=400_000.0).contains(&got), "{got}");
}
