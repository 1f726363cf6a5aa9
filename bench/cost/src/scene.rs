//! A cluster under load, without an engine: nodes of all weights, some busier than others, and as many
//! sessions as keep every node in use. Time is counted, not measured: so much of it lies between two
//! sessions as between those of 100,000 a second.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::cluster::{Cluster, Limits, Node, link};
use protobalance_core::failover::{Circumstances, Trace};
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeState};
use protobalance_core::policy::{self, Settings};
use protobalance_core::session::{Event, Session, TimeLimits};

use crate::random::{Random, client};

/// Between two sessions: 100,000 a second.
const SPACING: Duration = Duration::from_micros(10);
/// How often ratings are published, as a control plane does at its quickest.
const RATING_INTERVAL: Duration = Duration::from_millis(100);
/// Sessions open at a time, per node on the average; the fewest that are.
const SESSIONS_PER_NODE: usize = 4;
const LEAST_SESSIONS: usize = 64;

const LIMITS: TimeLimits = TimeLimits {
    idle: Duration::from_secs(3600),
    first_byte: Duration::ZERO,
    half_close: Duration::from_secs(60),
};

/// A policy as it is compared, and the load expression that it goes by, if it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    policy: &'static str,
    load_expression: &'static str,
}

const fn plain(policy: &'static str) -> Case {
    Case { name: policy, policy, load_expression: "" }
}

/// Every policy; `minimum-load` both ways.
pub(crate) const CASES: [Case; 9] = [
    plain("round-robin"),
    plain("random"),
    plain("connection-rate"),
    plain("traffic-rate"),
    plain("minimum-load"),
    Case {
        name: "minimum-load-expression",
        policy: "minimum-load",
        load_expression: "sessions + connection_rate / 10",
    },
    plain("client-hash"),
    plain("least-sessions"),
    plain("two-choices"),
];

/// The cluster, its open sessions and the clock.
pub(crate) struct Scene {
    cluster: Arc<Cluster>,
    sessions: Vec<Session>,
    now: Moment,
    rated_at: Moment,
    random: Random,
}

impl Scene {
    /// # Errors
    /// If there is no such policy.
    pub(crate) fn new(case: Case, nodes: usize, seed: u64) -> Result<Scene, policy::Error> {
        let mut random = Random(seed);
        let names: Vec<String> = (0..nodes).map(|index| format!("node-{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let settings = Settings {
            nodes: &names,
            hash_key: "cost",
            load_expression: case.load_expression,
            rating_ttl: Duration::from_secs(10),
        };
        let mut nodes: Box<[Node]> =
            names.iter().map(|name| node(name, 1 + random.below(16) as u16)).collect();
        link(&mut nodes);
        let cluster = Arc::new(Cluster {
            name: "cost".into(),
            nodes,
            policy: policy::named(case.policy, &settings)?,
            affinity: None,
            limits: limits(),
            state: Arc::default(),
        });
        let sessions = Vec::new();
        let (now, rated_at) = (Moment(1_000_000), Moment(0));
        let mut scene = Scene { cluster, sessions, now, rated_at, random };
        let open = (SESSIONS_PER_NODE * scene.cluster.nodes.len()).max(LEAST_SESSIONS);
        for _ in 0..open {
            let session = scene.open();
            scene.sessions.push(session);
        }
        // Until every node was busy and idle by turns.
        for _ in 0..4 * open {
            scene.session();
        }
        Ok(scene)
    }

    /// The policy's pick and no more.
    pub(crate) fn pick(&mut self) {
        let at = self.pass();
        let ask = self.cluster.ask(client(at.random as u32), &[], at.now, at.random);
        black_box(self.cluster.policy.pick(black_box(&ask)));
    }

    /// One session opens, speaks and reports its bytes; another ends. As the engine goes about it.
    pub(crate) fn session(&mut self) {
        let session = self.open();
        let place = self.random.below(self.sessions.len() as u64) as usize;
        let mut ended = std::mem::replace(&mut self.sessions[place], session);
        if let Some(node) = ended.node() {
            node.relayed(200, 10_000, self.now);
        }
        let at = self.at();
        black_box(ended.on(Event::Finished, &LIMITS, at));
    }

    fn open(&mut self) -> Session {
        let at = self.pass();
        let mut trace = Trace::empty();
        let client = client(at.random as u32);
        let (mut session, action) = Session::open(client, Arc::clone(&self.cluster), at, &mut trace);
        black_box((&trace, action));
        session.on(Event::Connected, &LIMITS, at);
        session.on(Event::SpokeToNode, &LIMITS, at);
        session.on(Event::SpokeToClient, &LIMITS, at);
        session
    }

    /// Time passes, and what happens meanwhile.
    fn pass(&mut self) -> Circumstances {
        self.now = self.now.after(SPACING);
        if self.now.since(self.rated_at) >= RATING_INTERVAL {
            self.rated_at = self.now;
            for node in &self.cluster.nodes {
                node.state.set_rating(self.random.below(1000) as f64 / 10.0, self.now);
            }
        }
        self.at()
    }

    fn at(&mut self) -> Circumstances {
        Circumstances { now: self.now, unix_now: 1_000_000_000, random: self.random.next() }
    }
}

fn node(name: &str, weight: u16) -> Node {
    Node {
        state: Arc::new(NodeState::new("cost", name, AdminState::Available)),
        admin_state: AdminState::Available,
        weight,
        fallbacks: Box::default(),
        stands_in_for: Box::default(),
        max_sessions: 0,
    }
}

fn limits() -> Limits {
    Limits {
        connect_timeout: Duration::from_secs(2),
        failover_timeout: Duration::from_secs(10),
        retry_interval: Duration::from_secs(5),
        first_contact_pause: Duration::from_millis(20),
        early_close_window: Duration::from_secs(2),
        replay_unanswered: false,
    }
}
