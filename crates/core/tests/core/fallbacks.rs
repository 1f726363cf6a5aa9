//! While a node cannot take clients, the first of its fallbacks that can has its share.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use protobalance_core::cluster::link;
use protobalance_core::failover::Skip;
use protobalance_core::node::{AdminState, NodeIndex};
use protobalance_core::policy::{Ask, MAX_WEIGHT};

use crate::model::{self, Model};

/// Nodes with these weights and chains of fallbacks.
fn model(policy: &str, nodes: &[(u16, &[NodeIndex])]) -> Model {
    let weights: Vec<u16> = nodes.iter().map(|(weight, _)| *weight).collect();
    let mut model = Model::new(policy, &weights, 20_260_102);
    for (node, (_, fallbacks)) in model.nodes.iter_mut().zip(nodes) {
        node.fallbacks = (*fallbacks).into();
    }
    link(&mut model.nodes);
    model
}

/// `a` falls back to `spare`, which has no weight of its own; `b` and `c` go their way.
const A_WITH_SPARE: [(u16, &[NodeIndex]); 4] = [(3, &[3]), (2, &[]), (1, &[]), (0, &[])];
/// `a` falls back to `b` and then to `spare`.
const A_WITH_TWO: [(u16, &[NodeIndex]); 4] = [(3, &[1, 3]), (2, &[]), (1, &[]), (0, &[])];

fn take_down(model: &Model, index: usize) {
    let _ = model.nodes[index].state.mark_down(model.now.after(Duration::from_secs(3_600)));
}

fn weights(model: &Model) -> Vec<u16> {
    let ask = model.ask([192, 0, 2, 1].into(), 0);
    (0..model.nodes.len()).map(|index| ask.weight(index as NodeIndex)).collect()
}

/// How many sessions each node has of so many that stay.
fn sessions(model: &mut Model, count: u32) -> Vec<u32> {
    (0..count).for_each(|_| _ = model.open());
    model.nodes.iter().map(|node| node.state.active()).collect()
}

#[test]
fn a_weightless_spare_has_the_share_of_the_node_that_is_down() {
    let mut model = model("round-robin", &A_WITH_SPARE);
    assert_eq!(model.counts(6), [3, 2, 1, 0]);
    take_down(&model, 0);
    for _ in 0..3 {
        assert_eq!(model.counts(6), [0, 2, 1, 3]);
    }
    model.nodes[0].state.mark_up();
    for _ in 0..3 {
        assert_eq!(model.counts(6), [3, 2, 1, 0], "as before");
    }
}

#[test]
fn a_fallback_with_a_weight_has_both_shares() {
    let mut model = model("round-robin", &A_WITH_TWO);
    take_down(&model, 0);
    assert_eq!(model.counts(6), [0, 5, 1, 0]);
    take_down(&model, 1);
    assert_eq!(model.counts(4), [0, 0, 1, 3], "nobody stands in for b");
}

#[test]
fn whatever_keeps_a_node_from_clients_passes_its_share_on() {
    let mut model = model("round-robin", &A_WITH_SPARE);
    for admin_state in [AdminState::Draining, AdminState::Offline] {
        model.nodes[0].state.set_admin_state(admin_state);
        assert_eq!(weights(&model), [3, 2, 1, 3]);
    }
    model.nodes[0].state.set_admin_state(AdminState::Available);
    model.nodes[0].max_sessions = 1;
    assert_eq!(weights(&model), [3, 2, 1, 0]);
    model.nodes[0].state.session_opened(model.now, 1);
    assert_eq!(weights(&model), [3, 2, 1, 3]);
}

/// The node itself takes its clients as soon as one may try it.
#[test]
fn a_node_due_for_trial_has_its_share_again() {
    let mut model = model("round-robin", &A_WITH_SPARE);
    take_down(&model, 0);
    assert_eq!(weights(&model), [3, 2, 1, 3]);
    model.advance(Duration::from_secs(3_600));
    assert_eq!(weights(&model), [3, 2, 1, 0]);
}

/// `a` names only `b`, and `b` only `c`: with both down `c` has the share of `b`, and that of `a` is
/// everybody's. Who wants `c` to have it writes `c` into the chain of `a`.
#[test]
fn fallbacks_of_fallbacks_inherit_nothing() {
    let mut model = model("round-robin", &[(4, &[1]), (2, &[2]), (1, &[]), (1, &[])]);
    take_down(&model, 0);
    take_down(&model, 1);
    assert_eq!(model.counts(4), [0, 0, 3, 1]);
}

#[test]
fn a_spare_for_many_has_as_much_as_counts_at_most() {
    let model = model("round-robin", &[(256, &[3]), (256, &[3]), (1, &[]), (0, &[])]);
    take_down(&model, 0);
    assert_eq!(weights(&model)[3], 256);
    take_down(&model, 1);
    assert_eq!(weights(&model)[3], MAX_WEIGHT);
}

/// Turns as close to each other as they can be still come in the order in which they are due.
#[test]
fn the_highest_weights_take_their_turns_in_order() {
    for (one, other) in [(509, 510), (499, 498)] {
        let nodes: [(u16, &[NodeIndex]); 4] =
            [(one - 256, &[2]), (other - 256, &[3]), (256, &[]), (256, &[])];
        let mut model = model("round-robin", &nodes);
        (0..2).for_each(|index| take_down(&model, index));
        let (one, other) = (u64::from(one), u64::from(other));
        let turns = |index: NodeIndex, weight: u64, factor: u64| {
            (0..weight).map(move |nth| ((2 * nth + 1) * factor, index))
        };
        let mut expected: Vec<_> = turns(2, one, other).chain(turns(3, other, one)).collect();
        expected.sort_unstable();
        for (place, (_, index)) in expected.into_iter().enumerate() {
            assert_eq!(model.choose(), Some(index), "turn {place} of {one} and {other}");
        }
    }
}

#[test]
fn a_node_inherits_from_nobody_twice_and_not_from_itself() {
    let model = model("round-robin", &[(3, &[1, 1]), (2, &[1]), (1, &[0])]);
    assert_eq!(&*model.nodes[1].stands_in_for, [0]);
    assert_eq!(&*model.nodes[0].stands_in_for, [2]);
    assert!(model.nodes[2].stands_in_for.is_empty());
}

/// A session that has tried the fallback in vain is led to the next one.
#[test]
fn for_a_session_a_node_that_it_tried_inherits_nothing() {
    let model = model("round-robin", &A_WITH_TWO);
    take_down(&model, 0);
    let ask = Ask { tried: &[1], ..model.ask([192, 0, 2, 1].into(), 0) };
    assert_eq!((ask.weight(1), ask.weight(3)), (2, 3));
}

#[test]
fn a_spare_is_skipped_for_its_weight_only_while_it_stands_in_for_nobody() {
    let model = model("client-hash", &A_WITH_SPARE);
    let skip = || Skip::reason(&model.ask([192, 0, 2, 1].into(), 0), 3);
    assert_eq!(skip(), Skip::WeightZero);
    take_down(&model, 0);
    assert_eq!(skip(), Skip::No);
}

#[test]
fn sessions_are_spread_by_the_inherited_weight() {
    for (policy, slack) in [
        ("least-sessions", 2),
        ("minimum-load", 2),
        ("two-choices", 20),
        ("connection-rate", 60),
        ("traffic-rate", 60),
    ] {
        let mut model = model(policy, &A_WITH_SPARE);
        take_down(&model, 0);
        let got = sessions(&mut model, 600);
        let near = got.iter().zip([0, 200, 100, 300]).all(|(got, share)| got.abs_diff(share) <= slack);
        assert!(near, "{policy}: {got:?}");
    }
}

#[test]
fn ratings_are_compared_per_inherited_weight() {
    let mut model = model("minimum-load", &A_WITH_SPARE);
    model.nodes.iter().for_each(|node| node.state.set_rating(10.0, model.now));
    assert_eq!(model.choose(), Some(0));
    take_down(&model, 0);
    model.nodes[1].state.set_rating(6.0, model.now);
    assert_eq!(model.choose(), Some(1), "6/2 is less than 10/3");
    model.nodes[1].state.set_rating(7.0, model.now);
    assert_eq!(model.choose(), Some(3), "10/3 is less than 7/2");
}

#[test]
fn chance_goes_by_the_inherited_weight() {
    let mut model = model("random", &A_WITH_TWO);
    take_down(&model, 0);
    let counts = model.counts(60_000);
    // Five standard deviations.
    assert!(counts[1].abs_diff(50_000) < 460 && counts[0] == 0 && counts[3] == 0, "{counts:?}");
    take_down(&model, 1);
    let counts = model.counts(60_000);
    assert!(counts[3].abs_diff(45_000) < 535 && counts[1] == 0, "{counts:?}");
}

/// What a policy compares for the node is what it would win by.
#[test]
fn the_node_that_is_chosen_has_the_lowest_value() {
    for policy in
        ["round-robin", "client-hash", "least-sessions", "minimum-load", "connection-rate", "traffic-rate"]
    {
        let mut model = model(policy, &A_WITH_TWO);
        take_down(&model, 0);
        take_down(&model, 1);
        for _ in 0..200 {
            let (client, random) = (model.random.client(), model.random.next());
            let ask = model.ask(client, random);
            let pick = model.policy.pick(&ask).expect("a usable node");
            let value = |index| model.policy.value(&ask, &pick.basis, index).expect("a value");
            // Equal up to rounding is lowest, too.
            assert!(value(pick.node) <= value(5 - pick.node) * (1.0 + 1e-9), "{policy}");
            assert!(model.policy.commit(&ask, pick));
            model.nodes[usize::from(pick.node)].state.session_opened(model.now, model.state.next_ticket());
        }
    }
}

/// The turn that counts is the one that was picked, though its weight is gone by then.
#[test]
fn a_node_that_comes_back_between_pick_and_commit_disturbs_no_turns() {
    let mut model = model("round-robin", &[(1, &[2]), (4, &[]), (0, &[])]);
    take_down(&model, 0);
    assert_eq!(model.counts(2), [0, 2, 0]);
    let ask = model.ask([192, 0, 2, 1].into(), 0);
    let pick = model.policy.pick(&ask).expect("a usable node");
    model.nodes[0].state.mark_up();
    assert!(model.policy.commit(&ask, pick));
    let next: Vec<_> = (0..5).map(|_| model.choose().expect("a usable node")).collect();
    assert_eq!((pick.node, next), (2, vec![1, 1, 1, 1, 0]));
}

fn some_cluster() -> impl Strategy<Value = Vec<(u16, Vec<NodeIndex>, bool)>> {
    let node = |size: NodeIndex| (0..=3u16, vec(0..size, 0..4), prop::bool::weighted(0.4));
    (2..8 as NodeIndex).prop_flat_map(move |size| vec(node(size), usize::from(size)))
}

proptest! {
    #![proptest_config(model::cases(300))]

    /// Whoever is down: clients of the others stay, and all of one node's go to one node, its heir.
    #[test]
    fn client_hash_moves_only_the_clients_of_nodes_that_cannot(nodes in some_cluster(), seed in any::<u64>()) {
        let plain: Vec<(u16, &[NodeIndex])> = nodes.iter().map(|(weight, chain, _)| (*weight, &chain[..])).collect();
        let (before, after) = (model("client-hash", &plain), model("client-hash", &plain));
        let is_down = |index: NodeIndex| nodes[usize::from(index)].2;
        (0..nodes.len()).filter(|index| nodes[*index].2).for_each(|index| take_down(&after, index));
        let mut random = model::Random(seed);
        for _ in 0..100 {
            let client = random.client();
            let Some(home) = before.policy.pick(&before.ask(client, 0)) else { break };
            let moved = after.policy.pick(&after.ask(client, 0)).map(|pick| pick.node);
            let mut chain = nodes[usize::from(home.node)].1.iter().copied();
            if !is_down(home.node) {
                prop_assert_eq!(moved, Some(home.node));
            } else if let Some(heir) = chain.find(|fallback| !is_down(*fallback)) {
                prop_assert_eq!(moved, Some(heir));
            }
        }
    }

    /// Round robin stays exact, whoever stands in for whom.
    #[test]
    fn a_cycle_is_exact_by_inherited_weights(nodes in some_cluster(), offset in 0..50u64) {
        let plain: Vec<(u16, &[NodeIndex])> = nodes.iter().map(|(weight, chain, _)| (*weight, &chain[..])).collect();
        let mut model = model("round-robin", &plain);
        let mut expected = vec![0; nodes.len()];
        for (index, (weight, chain, is_down)) in nodes.iter().enumerate() {
            let heir = if *is_down {
                chain.iter().map(|fallback| usize::from(*fallback)).find(|fallback| !nodes[*fallback].2)
            } else {
                Some(index)
            };
            if let Some(heir) = heir {
                expected[heir] += u64::from(*weight);
            }
        }
        let before: u64 = plain.iter().map(|(weight, _)| u64::from(*weight)).sum();
        prop_assume!(before > 0 && expected.iter().sum::<u64>() > 0);
        model.counts(offset);
        (0..nodes.len()).filter(|index| nodes[*index].2).for_each(|index| take_down(&model, index));
        prop_assert_eq!(model.counts(expected.iter().sum()), expected);
    }
}
