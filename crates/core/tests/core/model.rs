//! A cluster without an engine: sessions are opened and closed by the test.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use proptest::test_runner::Config;
use protobalance_core::cluster::Node;
use protobalance_core::hash;
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeIndex, NodeState};
use protobalance_core::policy::{self, Ask, ClusterState, Policy, Settings};

/// Seeded cases; the inputs printed at a failure hold the seed, so nothing need be kept in files.
pub(crate) fn cases(count: u32) -> Config {
    Config { cases: count, failure_persistence: None, ..Config::default() }
}

/// Numbers that a seed determines.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        hash::draw(&mut self.0)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        hash::below(self.next(), bound)
    }

    /// Exponentially distributed with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        hash::exponential(self.next()) as f64 / 2f64.powi(64)
    }

    pub(crate) fn client(&mut self) -> IpAddr {
        Ipv4Addr::from_bits(self.next() as u32).into()
    }
}

pub(crate) fn settings<'a>(nodes: &'a [&'a str]) -> Settings<'a> {
    Settings { nodes, hash_key: "golden", load_expression: "", rating_ttl: Duration::from_secs(10) }
}

/// Nodes `n0`, `n1`, … and the policy that chooses among them.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) nodes: Vec<Node>,
    pub(crate) state: ClusterState,
    pub(crate) policy: Box<dyn Policy>,
    pub(crate) now: Moment,
    pub(crate) random: Random,
}

pub(crate) fn node(name: &str, weight: u16) -> Node {
    let state = Arc::new(NodeState::new("c", name, AdminState::Available));
    let (fallbacks, stands_in_for) = (Box::default(), Box::default());
    Node { state, admin_state: AdminState::Available, weight, fallbacks, stands_in_for, max_sessions: 0 }
}

impl Model {
    pub(crate) fn new(policy: &str, weights: &[u16], seed: u64) -> Model {
        Model::with_expression(policy, "", weights, seed)
    }

    pub(crate) fn with_expression(policy: &str, expression: &str, weights: &[u16], seed: u64) -> Model {
        let names: Vec<String> = (0..weights.len()).map(|index| format!("n{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let settings = Settings { load_expression: expression, ..settings(&names) };
        let nodes = names.iter().zip(weights).map(|(name, weight)| node(name, *weight)).collect();
        let policy = policy::named(policy, &settings).expect("a known policy");
        let now = Moment(1_000_000);
        Model { nodes, state: ClusterState::default(), policy, now, random: Random(seed) }
    }

    pub(crate) fn ask(&self, client: IpAddr, random: u64) -> Ask<'_> {
        Ask { nodes: &self.nodes, state: &self.state, tried: &[], client, now: self.now, random }
    }

    /// A choice, committed, without a session.
    pub(crate) fn choose(&mut self) -> Option<NodeIndex> {
        let (client, random) = (self.random.client(), self.random.next());
        let ask = self.ask(client, random);
        let pick = self.policy.pick(&ask)?;
        assert!(self.policy.commit(&ask, pick), "nobody came between");
        Some(pick.node)
    }

    /// A choice and its session.
    pub(crate) fn open(&mut self) -> usize {
        let index = usize::from(self.choose().expect("a usable node"));
        self.nodes[index].state.session_opened(self.now, self.state.next_ticket());
        index
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// How often each node is chosen in so many choices.
    pub(crate) fn counts(&mut self, choices: u64) -> Vec<u64> {
        let mut counts = vec![0; self.nodes.len()];
        for _ in 0..choices {
            counts[usize::from(self.choose().expect("a usable node"))] += 1;
        }
        counts
    }
}
