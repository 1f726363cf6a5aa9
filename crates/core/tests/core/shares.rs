//! Shares follow weights, each policy by its own measure, in small models of traffic.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use protobalance_core::cluster::welcome;
use protobalance_core::moment::Moment;

use crate::model::{self, Model};

/// Deviations beyond this happen by chance once in millions.
const SIGMAS: f64 = 5.0;

fn assert_near_shares(counts: &[f64], weights: &[u16], tolerance: f64) {
    let (sum, total) =
        (counts.iter().sum::<f64>(), weights.iter().map(|weight| f64::from(*weight)).sum::<f64>());
    for (count, weight) in counts.iter().zip(weights) {
        let expected = sum * f64::from(*weight) / total;
        assert!((count / expected - 1.0).abs() < tolerance, "{counts:?} for weights {weights:?}");
    }
}

proptest! {
    #![proptest_config(model::cases(40))]

    #[test]
    fn chance_honours_weights(
        policy in prop::sample::select(vec!["random", "client-hash", "two-choices"]),
        weights in vec(1..=256u16, 2..=20),
        seed in any::<u64>(),
    ) {
        // Two choices of an idle cluster are one draw only if there are two nodes of the same load.
        let weights = if policy == "two-choices" { &weights[..2] } else { &weights[..] };
        let choices = 20_000;
        let counts = Model::new(policy, weights, seed).counts(choices);
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for (count, weight) in counts.iter().zip(weights) {
            let share = f64::from(*weight) / total;
            let (mean, variance) = (choices as f64 * share, choices as f64 * share * (1.0 - share));
            let deviation = (*count as f64 - mean).abs();
            prop_assert!(deviation <= SIGMAS * variance.sqrt() + 1.0, "{}: {:?} for {:?}", policy, counts, weights);
        }
    }

    #[test]
    fn sessions_that_stay_are_spread_by_weight(
        (policy, expression, slack) in prop::sample::select(vec![
            ("least-sessions", "", 1.0),
            ("minimum-load", "sessions + 1", 1.0),
            ("minimum-load", "", 1.0),
            ("two-choices", "", 12.0),
        ]),
        weights in vec(1..=40u16, 2..=10),
        seed in any::<u64>(),
    ) {
        let mut model = Model::with_expression(policy, expression, &weights, seed);
        let sessions = 3_000;
        (0..sessions).for_each(|_| _ = model.open());
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for (node, weight) in model.nodes.iter().zip(&weights) {
            let expected = f64::from(sessions) * f64::from(*weight) / total;
            let allowed = slack * f64::from(*weight).max(1.0).min(expected / 4.0 + 1.0) + 1.0;
            let got = f64::from(node.state.active());
            prop_assert!((got - expected).abs() <= allowed, "{}: {} instead of {}", policy, got, expected);
        }
    }

    #[test]
    fn connections_come_by_weight(weights in vec(1..=20u16, 2..=8), seed in any::<u64>()) {
        let mut model = Model::new("connection-rate", &weights, seed);
        let mut counts = vec![0.0; weights.len()];
        for _ in 0..10_000 {
            let pause = model.random.below(4_000);
            model.advance(Duration::from_micros(pause));
            counts[model.open()] += 1.0;
        }
        assert_near_shares(&counts, &weights, 0.05);
    }
}

/// Sessions with sizes of a heavy spread arrive, last a while, and show their bytes at reports every
/// 100 ms, as the engine does.
struct Traffic {
    model: Model,
    /// End of each session, its node, its bytes.
    open: BinaryHeap<Reverse<(Moment, usize, u64)>>,
    bytes: Vec<f64>,
    /// Sessions chosen between two reports that went to the same node as the one before.
    runs: usize,
    longest_run: usize,
}

impl Traffic {
    fn new(weights: &[u16], seed: u64) -> Traffic {
        let model = Model::new("traffic-rate", weights, seed);
        Traffic { model, open: BinaryHeap::new(), bytes: vec![0.0; weights.len()], runs: 0, longest_run: 0 }
    }

    fn report_interval(&mut self, sessions: u64) {
        let mut last = usize::MAX;
        self.runs = 0;
        for _ in 0..sessions {
            self.model.advance(Duration::from_micros(100_000 / sessions));
            let index = self.model.open();
            self.runs = if index == last { self.runs + 1 } else { 1 };
            self.longest_run = self.longest_run.max(self.runs);
            last = index;
            let size = (20_000.0 * self.model.random.exponential().powi(2)) as u64;
            let end = self.model.now.after(Duration::from_millis(self.model.random.below(400)));
            self.open.push(Reverse((end, index, size)));
        }
        while let Some(Reverse((end, index, size))) = self.open.peek().copied() {
            if end > self.model.now {
                break;
            }
            self.open.pop();
            self.model.nodes[index].state.relayed(size / 10, size - size / 10, self.model.now);
            self.model.nodes[index].state.session_closed();
            self.bytes[index] += size as f64;
        }
    }
}

#[test]
fn bytes_flow_by_weight() {
    for (weights, seed) in [(vec![1, 1, 1], 1), (vec![1, 2, 5], 2), (vec![4, 1, 1, 10], 3)] {
        let mut traffic = Traffic::new(&weights, seed);
        (0..2_000).for_each(|_| traffic.report_interval(50));
        assert_near_shares(&traffic.bytes, &weights, 0.1);
    }
}

#[test]
fn no_node_is_flooded_between_two_reports() {
    let mut traffic = Traffic::new(&[1; 10], 4);
    (0..100).for_each(|_| traffic.report_interval(500));
    traffic.longest_run = 0;
    (0..100).for_each(|_| traffic.report_interval(500));
    assert!(traffic.longest_run < 50, "{} of 500 in a row", traffic.longest_run);
}

/// It takes what evens the rates out, but not all sessions until it has shown some traffic.
#[test]
fn a_node_without_traffic_is_not_flooded_when_it_joins() {
    let mut traffic = Traffic::new(&[1; 10], 5);
    let window = Duration::from_millis(500);
    traffic.model.nodes.iter().for_each(|node| node.state.set_rate_window(window, traffic.model.now));
    traffic.model.nodes[9].weight = 0;
    (0..300).for_each(|_| traffic.report_interval(500));
    traffic.model.nodes[9].weight = 1;
    // Half a second without any report.
    for _ in 0..2_500 {
        traffic.model.advance(Duration::from_micros(200));
        traffic.model.open();
    }
    let taken = traffic.model.nodes[9].state.opened();
    assert!((300..1_500).contains(&taken), "{taken} of 2,500 sessions went to the new node");
}

/// From the first moment on, though the others have a window's history and it has none.
#[test]
fn a_node_that_joins_has_its_share_of_connections_and_no_more() {
    for weight in [1, 3] {
        let mut model = Model::new("connection-rate", &[1; 10], 12);
        model.nodes[9].weight = 0;
        let open = |model: &mut Model, sessions| {
            for _ in 0..sessions {
                model.advance(Duration::from_millis(1));
                model.open();
            }
            model.nodes[9].state.opened()
        };
        open(&mut model, 30_000);
        model.nodes[9].weight = weight;
        welcome(&model.nodes, &[9], model.now);
        for sessions in [(9 + u64::from(weight)) * 20, 10_000] {
            let before = model.nodes[9].state.opened();
            let taken = open(&mut model, sessions) - before;
            let share = sessions * u64::from(weight) / (9 + u64::from(weight));
            assert!(taken.abs_diff(share) <= share / 10, "{taken} of {sessions} for weight {weight}");
        }
    }
}

#[test]
fn a_node_that_joins_has_its_share_of_traffic_and_no_more() {
    let mut traffic = Traffic::new(&[1; 10], 13);
    traffic.model.nodes[9].weight = 0;
    (0..300).for_each(|_| traffic.report_interval(500));
    traffic.model.nodes[9].weight = 1;
    welcome(&traffic.model.nodes, &[9], traffic.model.now);
    for _ in 0..30 {
        let before = traffic.model.nodes[9].state.opened();
        (0..10).for_each(|_| traffic.report_interval(500));
        let taken = traffic.model.nodes[9].state.opened() - before;
        assert!((350..650).contains(&taken), "{taken} of 5,000 sessions");
    }
}

#[test]
fn the_only_node_that_joins_has_every_client() {
    let mut model = Model::new("connection-rate", &[1, 1], 14);
    (0..100).for_each(|_| _ = model.open());
    let _ = model.nodes[0].state.mark_down(Moment::NEVER);
    welcome(&model.nodes, &[1], model.now);
    assert!((0..100).all(|_| model.open() == 1));
}

#[test]
fn a_rating_made_on_a_timer_draws_no_herd() {
    let mut model = Model::new("minimum-load", &[1, 1, 1], 6);
    // Each with a hundred sessions of about one unit; the third has just become a little better.
    (0..300).for_each(|_| _ = model.open());
    for (node, rating) in model.nodes.iter().zip([100.0, 100.0, 90.0]) {
        node.state.set_rating(rating, model.now);
    }
    let before: Vec<u32> = model.nodes.iter().map(|node| node.state.active()).collect();
    (0..310).for_each(|_| _ = model.open());
    let taken: Vec<u32> =
        model.nodes.iter().zip(before).map(|(node, before)| node.state.active() - before).collect();
    assert!(taken[2] > taken[0] && taken[2] < taken[0] + 15, "{taken:?}");
}

#[test]
fn a_node_whose_rating_is_stale_takes_an_average_share() {
    let mut model = Model::new("minimum-load", &[1, 1, 1], 7);
    model.nodes[2].state.set_rating(1_000.0, model.now);
    model.advance(Duration::from_secs(11));
    for index in 0..2 {
        model.nodes[index].state.set_rating(50.0, model.now);
    }
    (0..300).for_each(|_| _ = model.open());
    let counts: Vec<f64> = model.nodes.iter().map(|node| f64::from(node.state.active())).collect();
    assert_near_shares(&counts, &[1, 1, 1], 0.05);
}

#[test]
fn the_lower_published_rating_per_weight_is_chosen() {
    for (ratings, weights, expected) in [
        ([3.0, 2.0], [1, 1], 1),
        ([3.0, 2.0], [2, 1], 0),
        ([-1.0, -3.0], [1, 1], 1),
        ([-2.0, -3.0], [2, 1], 0),
    ] {
        let mut model = Model::new("minimum-load", &weights, 8);
        for (node, rating) in model.nodes.iter().zip(ratings) {
            node.state.set_rating(rating, model.now);
        }
        assert_eq!(model.choose(), Some(expected), "{ratings:?} {weights:?}");
    }
}

#[test]
fn equals_are_chosen_in_turn() {
    for (policy, expression) in
        [("least-sessions", ""), ("minimum-load", ""), ("minimum-load", "1"), ("traffic-rate", "")]
    {
        let mut model = Model::with_expression(policy, expression, &[1, 1, 1], 9);
        let mut turns = Vec::new();
        for _ in 0..9 {
            let index = model.open();
            model.nodes[index].state.session_closed();
            turns.push(index);
        }
        assert_eq!(turns, [0, 1, 2].repeat(3), "{policy} {expression}");
    }
}

/// One choice would leave them some thirty sessions apart from the mean.
#[test]
fn two_choices_are_much_better_than_one() {
    let mut model = Model::new("two-choices", &[1; 10], 10);
    (0..10_000).for_each(|_| _ = model.open());
    let counts: Vec<u32> = model.nodes.iter().map(|node| node.state.active()).collect();
    assert!(counts.iter().all(|count| count.abs_diff(1_000) <= 6), "{counts:?}");
}

#[test]
fn a_stale_rating_is_ignored() {
    let mut model = Model::new("minimum-load", &[1, 1], 11);
    let (stale, fresh) = (&model.nodes[0].state, &model.nodes[1].state);
    (1..=10).for_each(|ticket| stale.session_opened(model.now, ticket));
    stale.set_rating(0.0, model.now);
    let now = model.now.after(Duration::from_secs(11));
    fresh.set_rating(50.0, now);
    assert_eq!(model.choose(), Some(0), "it is still fresh");
    model.now = now;
    assert_eq!(model.choose(), Some(1), "ten sessions weigh more than none");
}
