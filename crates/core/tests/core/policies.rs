//! What all policies promise.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use protobalance_core::cluster::{Node, link};
use protobalance_core::node::{AdminState, NodeIndex};
use protobalance_core::policy::{self, Ask, NAMES};

use crate::model::{self, Model};

/// What may keep a node from being chosen.
#[derive(Clone, Debug)]
struct Condition {
    weight: u16,
    admin_state: AdminState,
    is_down: bool,
    is_full: bool,
    is_tried: bool,
    rating: Option<f64>,
    fallbacks: Vec<prop::sample::Index>,
}

impl Condition {
    fn can_take(&self) -> bool {
        self.admin_state == AdminState::Available && !(self.is_down || self.is_full || self.is_tried)
    }

    fn fallbacks(&self, nodes: usize) -> impl Iterator<Item = usize> {
        self.fallbacks.iter().map(move |fallback| fallback.index(nodes))
    }
}

/// Which nodes a policy may pick: those with a weight, or with that of a node whose first fallback
/// that can they are.
fn usable(conditions: &[Condition]) -> Vec<bool> {
    let mut usable = vec![false; conditions.len()];
    for (index, condition) in conditions.iter().enumerate().filter(|(_, condition)| condition.weight > 0) {
        let mut candidates = std::iter::once(index).chain(condition.fallbacks(conditions.len()));
        if let Some(heir) = candidates.find(|candidate| conditions[*candidate].can_take()) {
            usable[heir] = true;
        }
    }
    usable
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let weight = prop_oneof![Just(0), Just(1), Just(256), 1..=256u16];
    let admin_state = prop_oneof![
        4 => Just(AdminState::Available),
        1 => Just(AdminState::Draining),
        1 => Just(AdminState::Offline),
    ];
    let rating = prop_oneof![Just(None), Just(Some(0.0)), any::<f64>().prop_map(Some)];
    let unlikely = || prop::bool::weighted(0.25);
    let fallbacks = vec(any::<prop::sample::Index>(), 0..3);
    let condition = (weight, admin_state, unlikely(), unlikely(), unlikely(), rating, fallbacks).prop_map(
        |(weight, admin_state, is_down, is_full, is_tried, rating, fallbacks)| Condition {
            weight,
            admin_state,
            is_down,
            is_full,
            is_tried,
            rating: rating.filter(|rating: &f64| rating.is_finite()),
            fallbacks,
        },
    );
    vec(condition, 0..12)
}

fn put_into(condition: &Condition, node: &mut Node, model: &Model) {
    node.state.set_admin_state(condition.admin_state);
    node.state.session_opened(model.now, 1);
    if condition.is_down {
        let _ = node.state.mark_down(model.now.after(Duration::from_secs(5)));
    }
    if condition.is_full {
        node.max_sessions = 1;
    }
    if let Some(rating) = condition.rating {
        node.state.set_rating(rating, model.now);
        node.state.session_opened(model.now, 2);
    }
}

proptest! {
    #![proptest_config(model::cases(500))]

    #[test]
    fn a_policy_picks_a_usable_node_and_none_only_if_there_is_none(
        conditions in conditions(),
        client in any::<u32>(),
        random in any::<u64>(),
    ) {
        let weights: Vec<u16> = conditions.iter().map(|condition| condition.weight).collect();
        let tried: Vec<NodeIndex> =
            (0..).zip(&conditions).filter(|(_, condition)| condition.is_tried).map(|(index, _)| index).collect();
        for (name, expression) in NAMES.map(|name| (name, "")).into_iter().chain([("minimum-load", "1 / sessions")]) {
            let mut model = Model::with_expression(name, expression, &weights, 1);
            let mut nodes = std::mem::take(&mut model.nodes);
            for (node, condition) in nodes.iter_mut().zip(&conditions) {
                put_into(condition, node, &model);
                node.fallbacks = condition.fallbacks(conditions.len()).map(|index| index as NodeIndex).collect();
            }
            link(&mut nodes);
            let client = IpAddr::from(Ipv4Addr::from_bits(client));
            let ask = Ask { nodes: &nodes, tried: &tried, ..model.ask(client, random) };
            let pick = model.policy.pick(&ask);
            let usable = usable(&conditions);
            prop_assert_eq!(pick.is_some(), usable.contains(&true), "{}", name);
            if let Some(pick) = pick {
                prop_assert!(usable[usize::from(pick.node)], "{} picked {}", name, pick.node);
                prop_assert_eq!(model.policy.pick(&ask), Some(pick), "{}: a pick changes nothing", name);
                prop_assert!(model.policy.commit(&ask, pick), "{}", name);
            }
        }
    }

    #[test]
    fn explain_may_ask_for_every_node(conditions in conditions(), random in any::<u64>()) {
        let weights: Vec<u16> = conditions.iter().map(|condition| condition.weight).collect();
        for name in NAMES {
            let model = Model::new(name, &weights, 1);
            let ask = model.ask(Ipv4Addr::LOCALHOST.into(), random);
            for index in 0..=weights.len() {
                let value = model.policy.value(&ask, &model.policy.basis(&ask), index as NodeIndex);
                let is_known = weights.get(index).is_some_and(|weight| *weight > 0);
                prop_assert_eq!(value.is_some(), is_known && name != "random", "{} {}", name, index);
            }
        }
    }
}

#[test]
fn each_name_makes_the_policy_of_that_name() {
    for name in NAMES {
        let policy = policy::named(name, &model::settings(&[])).expect("a known policy");
        assert_eq!(policy.name(), name);
    }
}

#[test]
fn an_unknown_policy_and_a_bad_expression_are_refused_with_what_to_do() {
    let settings = model::settings(&[]);
    let unknown = policy::named("roundrobin", &settings).expect_err("no such policy");
    assert!(unknown.to_string().contains("round-robin"), "{unknown}");
    let settings = policy::Settings { load_expression: "sesions", ..settings };
    let error = policy::named("minimum-load", &settings).expect_err("no such variable");
    assert!(error.to_string().contains("did you mean \"sessions\"?"), "{error}");
}

#[test]
fn a_removed_node_moves_only_its_own_clients() {
    let names: Vec<String> = (0..10).map(|index| format!("n{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = Model::new("client-hash", &[1; 10], 3);
    for removed in 0..10 {
        let rest: Vec<&str> = names.iter().copied().filter(|name| *name != names[removed]).collect();
        let policy = policy::named("client-hash", &model::settings(&rest)).expect("a known policy");
        let nodes: Vec<Node> = rest.iter().map(|name| model::node(name, 1)).collect();
        let mut random = model::Random(3);
        for _ in 0..2_000 {
            let ask = all.ask(random.client(), 0);
            let before = all.policy.pick(&ask).map(|pick| names[usize::from(pick.node)]);
            let after = policy.pick(&Ask { nodes: &nodes, ..ask }).map(|pick| rest[usize::from(pick.node)]);
            assert!(before == after || before == Some(names[removed]), "{before:?} moved to {after:?}");
        }
    }
}

#[test]
fn a_mapped_address_is_the_client_it_stands_for() {
    let model = Model::new("client-hash", &[1; 50], 4);
    let mut random = model::Random(4);
    for _ in 0..100 {
        let IpAddr::V4(client) = random.client() else { continue };
        let plain = model.policy.pick(&model.ask(client.into(), 0));
        assert_eq!(model.policy.pick(&model.ask(client.to_ipv6_mapped().into(), 0)), plain);
    }
}
