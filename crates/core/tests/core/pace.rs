//! Over any time no more than the pace and one burst.

use std::time::Duration;

use protobalance_core::moment::Moment;
use protobalance_core::pace::Pace;

/// How many pass in `span` when somebody looks every `step`.
fn passed(per_second: u32, step: Duration, span: Duration) -> u32 {
    let pace = Pace::default();
    pace.set_per_second(per_second);
    let (mut now, mut count) = (Moment(1_000_000), 0);
    let end = now.after(span);
    while now < end {
        while pace.wait(now).is_zero() {
            pace.pass(now);
            count += 1;
        }
        now = now.after(step);
    }
    count
}

#[test]
fn as_many_pass_as_the_pace_says_and_a_tenth_of_a_second_more() {
    for (per_second, step) in [(1, 7), (10, 20), (100, 20), (3_333, 20), (1_000_000, 50)] {
        let count = passed(per_second, Duration::from_millis(step), Duration::from_secs(3));
        let even = 3 * per_second;
        assert!((even..=even + per_second.div_ceil(10) + 1).contains(&count), "{per_second}/s: {count}");
    }
}

#[test]
fn no_pace_waits_for_nothing() {
    let pace = Pace::default();
    pace.pass(Moment(5));
    assert!(pace.wait(Moment(5)).is_zero());
}

#[test]
fn it_says_how_long_until_the_next() {
    let pace = Pace::default();
    pace.set_per_second(2);
    let now = Moment(1_000_000);
    assert!(pace.wait(now).is_zero());
    pace.pass(now);
    assert_eq!(pace.wait(now), Duration::from_millis(500));
    assert!(pace.wait(now.after(Duration::from_millis(500))).is_zero());
}
