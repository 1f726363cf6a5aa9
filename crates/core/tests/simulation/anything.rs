//! Any event in any state, as no engine would send them: the machine neither panics nor miscounts, tries
//! nobody twice, and ends once.

use std::sync::Arc;
use std::time::Duration;

use protobalance_core::failover::{Circumstances, Trace};
use protobalance_core::moment::Moment;
use protobalance_core::node::AdminState;
use protobalance_core::session::{Action, Event, Failure, Phase, Session, Side, TimeLimits};

use crate::ledger::Ledger;
use crate::plan::{self, FAMILIES, Family, Plan};
use crate::random::Random;

const EVENTS: [Event; 23] = [
    Event::Connected,
    Event::Failed(Failure::Refused),
    Event::Failed(Failure::Unreachable),
    Event::Failed(Failure::TimedOut),
    Event::Failed(Failure::Reset),
    Event::Failed(Failure::ClosedEarly),
    Event::Failed(Failure::Unanswered),
    Event::Failed(Failure::Unresolved),
    Event::Failed(Failure::OurShortage),
    Event::Failed(Failure::Withdrawn),
    Event::SpokeToNode,
    Event::SpokeToClient,
    Event::Closed(Side::Client),
    Event::Closed(Side::Node),
    Event::Reset(Side::Client),
    Event::Reset(Side::Node),
    Event::Vanished(Side::Client),
    Event::Vanished(Side::Node),
    Event::Finished,
    Event::Deadline,
    Event::Deadline,
    Event::AdminStateChanged,
    Event::Stopped,
];

struct Chaos {
    random: Random,
    families: Vec<Family>,
    ledger: Ledger,
    plan: Plan,
    now: Moment,
    sessions: Vec<(Session, TimeLimits)>,
}

pub(crate) fn play(seed: u64, steps: u64) {
    let mut random = Random(seed);
    let (families, mut ledger) = (plan::families(), Ledger::default());
    let plan = plan::draw(&mut random, &families, &mut ledger, None);
    let now = Moment(1_000_000);
    let mut chaos = Chaos { random, families, ledger, plan, now, sessions: Vec::new() };
    for _ in 0..steps {
        chaos.step();
        chaos.check_counts();
    }
}

impl Chaos {
    fn at(&mut self) -> Circumstances {
        let (unix_now, random) = (self.random.next() as u32, self.random.next());
        Circumstances { now: self.now, unix_now, random }
    }

    fn step(&mut self) {
        match self.random.below(40) {
            0..6 if self.sessions.len() < 24 => self.open(),
            6 => self.now = self.now.after(Duration::from_millis(self.random.next() % 3_000)),
            // Time runs backwards for nobody, but a number is a number.
            7 => self.now = Moment(1 + self.random.next() % self.now.0.saturating_mul(2)),
            8 => self.plan = plan::draw(&mut self.random, &self.families, &mut self.ledger, Some(&self.plan)),
            9 => {
                use AdminState::{Available, Draining, Offline};
                let nodes = self.plan.clusters.iter().flat_map(|cluster| &cluster.nodes);
                nodes.for_each(|node| {
                    node.state.set_admin_state(self.random.of(&[Available, Draining, Offline]))
                });
            }
            _ if !self.sessions.is_empty() => self.disturb(),
            _ => {}
        }
    }

    fn open(&mut self) {
        let (at, client) = (self.at(), plan::client(&mut self.random));
        let cluster = Arc::clone(&self.plan.clusters[self.random.below(FAMILIES)]);
        let (_, limits) = self.plan.listeners[0];
        let (session, action) = Session::open(client, cluster, at, &mut Trace::empty());
        check_attempt(&session, action);
        self.sessions.push((session, limits));
    }

    fn disturb(&mut self) {
        let place = self.random.below(self.sessions.len());
        let at = self.at();
        let (session, limits) = &mut self.sessions[place];
        match self.random.below(12) {
            0 => session.rebase(Arc::clone(&self.plan.clusters[self.random.below(FAMILIES)])),
            1 => session.give_up_replay(),
            2 => session.touch(Moment(self.random.next())),
            3 => _ = session.take_news(),
            _ => {
                let was_over = session.phase() == Phase::Ended;
                let action = session.on(self.random.of(&EVENTS), limits, at);
                assert!(!was_over || action == Action::Continue, "it ends once");
                check_attempt(session, action);
                let is_over = matches!(action, Action::End { .. });
                assert_eq!(is_over || was_over, session.phase() == Phase::Ended);
            }
        }
        if session.phase() == Phase::Ended && self.random.one_in(4) {
            self.sessions.swap_remove(place);
        }
    }

    fn check_counts(&self) {
        for account in &self.ledger.0 {
            let has = |(session, _): &&(Session, TimeLimits)| {
                let node = session.node().filter(|_| session.phase() != Phase::Ended);
                node.is_some_and(|node| Arc::ptr_eq(node, &account.state))
            };
            let active = self.sessions.iter().filter(has).count();
            assert_eq!(account.state.active() as usize, active, "sessions of {}", account.state.name());
        }
    }
}

fn check_attempt(session: &Session, action: Action) {
    let Action::Attempt(index) = action else { return };
    let (Some(cluster), Some(node)) = (session.cluster(), session.node()) else {
        panic!("an attempt without a node")
    };
    let chosen = &cluster.nodes[usize::from(index)];
    assert!(Arc::ptr_eq(&chosen.state, node));
    let wanted = (chosen.admin_state, node.admin_state());
    assert_eq!(wanted, (AdminState::Available, AdminState::Available), "law 5");
    assert!(chosen.max_sessions == 0 || node.active() <= chosen.max_sessions);
    let times = session.attempts().filter(|attempt| Arc::ptr_eq(&attempt.node, node)).count();
    assert_eq!(times, 1, "nobody is tried twice");
}
