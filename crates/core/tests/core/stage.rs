//! A cluster, a clock and sessions for traces: what happened, and what was to be done.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::cluster::{Cluster, Limits, link};
use protobalance_core::failover::{Circumstances, Trace, Why};
use protobalance_core::moment::Moment;
use protobalance_core::node::NodeState;
use protobalance_core::policy;
use protobalance_core::session::{Action, CloseReason, Event, Failure, Session, TimeLimits};

use crate::model;

pub(crate) const LIMITS: TimeLimits = TimeLimits {
    idle: Duration::from_secs(3600),
    first_byte: Duration::ZERO,
    half_close: Duration::from_secs(60),
};
pub(crate) const CLIENT: [u8; 4] = [203, 0, 113, 9];

/// A cluster of nodes `a`, `b`, … and the clock.
pub(crate) struct Stage {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) now: Moment,
}

/// A session on the stage; the actions are what the engine would see.
pub(crate) struct Played {
    pub(crate) session: Session,
    pub(crate) action: Action,
}

impl Stage {
    pub(crate) fn new(nodes: usize) -> Stage {
        Stage::with(nodes, |_| {})
    }

    pub(crate) fn with(nodes: usize, change: impl FnOnce(&mut Cluster)) -> Stage {
        let names: Vec<String> = (b'a'..).take(nodes).map(|name| char::from(name).to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut cluster = Cluster {
            name: "c".into(),
            nodes: names.iter().map(|name| model::node(name, 1)).collect(),
            policy: policy::named("round-robin", &model::settings(&names)).expect("a policy"),
            affinity: None,
            limits: Limits {
                connect_timeout: Duration::from_secs(2),
                failover_timeout: Duration::from_secs(10),
                retry_interval: Duration::from_secs(5),
                first_contact_pause: Duration::ZERO,
                early_close_window: Duration::from_secs(2),
                replay_unanswered: false,
            },
            state: Arc::default(),
        };
        change(&mut cluster);
        link(&mut cluster.nodes);
        Stage { cluster: Arc::new(cluster), now: Moment(1_000_000) }
    }

    pub(crate) fn node(&self, name: &str) -> &NodeState {
        let mut states = self.cluster.nodes.iter().map(|node| &node.state);
        states.find(|state| state.name() == name).expect("a node of the stage")
    }

    pub(crate) fn at(&self) -> Circumstances {
        Circumstances { now: self.now, unix_now: 1_000_000 + (self.now.0 / 1_000_000) as u32, random: 7 }
    }

    pub(crate) fn open(&self) -> Played {
        let client = IpAddr::from(CLIENT);
        let (session, action) =
            Session::open(client, Arc::clone(&self.cluster), self.at(), &mut Trace::empty());
        Played { session, action }
    }

    pub(crate) fn later(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    pub(crate) fn active(&self) -> Vec<u32> {
        self.cluster.nodes.iter().map(|node| node.state.active()).collect()
    }
}

impl Played {
    pub(crate) fn on(&mut self, stage: &Stage, event: Event) -> Action {
        self.action = self.session.on(event, &LIMITS, stage.at());
        self.action
    }

    pub(crate) fn node(&self) -> &str {
        self.session.node().expect("an attempt").name()
    }

    pub(crate) fn attempts(&self) -> Vec<(String, Why, Option<Failure>)> {
        self.session
            .attempts()
            .map(|attempt| (attempt.node.name().to_owned(), attempt.why, attempt.failure))
            .collect()
    }
}

pub(crate) fn end(reason: CloseReason, reset: bool) -> Action {
    Action::End { reason, reset }
}
