//! A world: clusters, nodes, clients, two workers, an operator, clocks. One step is one event for one
//! session; which comes next is drawn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::failover::Circumstances;
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeState};
use protobalance_core::session::{Action, Event, Phase};

use crate::homes::Homes;
use crate::ledger::Ledger;
use crate::peers::{self, Happening, MANNERS, Manner};
use crate::plan::{self, FAMILIES, Family, Plan};
use crate::random::Random;
use crate::visit::Visit;

const VISITS: usize = 40;
const WORKERS: usize = 2;
const TOLD: usize = 40;

/// A plan on its way to the workers, as `Engine::apply` brings it.
#[derive(Debug)]
enum Change {
    /// So many workers serve by it.
    Adopted(usize),
    /// Nodes that it wants no clients for are withdrawn; so many workers have looked at their sessions.
    LookedAt(usize),
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) now: Moment,
    /// The world's clock, which may be set.
    unix_offset: i64,
    pub(crate) families: Vec<Family>,
    pub(crate) ledger: Ledger,
    pub(crate) homes: Vec<Homes>,
    /// The plan in force, and what each worker still serves by.
    plan: Arc<Plan>,
    pub(crate) workers: [Arc<Plan>; WORKERS],
    change: Option<Change>,
    manners: Vec<(Arc<NodeState>, Manner)>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) opened: u64,
    pub(crate) steps: u64,
    /// The latest of what happened, told where an invariant breaks.
    pub(crate) story: VecDeque<(u64, Moment, Option<Event>, Action)>,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let (families, mut ledger) = (plan::families(), Ledger::default());
        let plan = Arc::new(plan::draw(&mut random, &families, &mut ledger, None));
        World {
            random,
            now: Moment(1_000_000),
            unix_offset: 1_800_000_000,
            families,
            ledger,
            homes: (0..FAMILIES).map(|_| Homes::default()).collect(),
            workers: [Arc::clone(&plan), Arc::clone(&plan)],
            plan,
            change: None,
            manners: Vec::new(),
            visits: Vec::new(),
            opened: 0,
            steps: 0,
            story: VecDeque::new(),
        }
    }

    pub(crate) fn at(&mut self) -> Circumstances {
        let unix_now = self.unix_offset + self.now.seconds() as i64;
        let unix_now = u32::try_from(unix_now.clamp(1, i64::from(u32::MAX))).expect("clamped");
        Circumstances { now: self.now, unix_now, random: self.random.next() }
    }

    pub(crate) fn note(&mut self, visit: u64, event: Option<Event>, action: Action) {
        self.steps += 1;
        if self.story.len() == TOLD {
            self.story.pop_front();
        }
        self.story.push_back((visit, self.now, event, action));
    }

    /// Plays until so many steps are done, then stops.
    pub(crate) fn play(&mut self, steps: u64) {
        while self.steps < steps {
            match self.random.below(100) {
                0..18 if self.visits.len() < VISITS => self.open(),
                0..70 => self.let_one_live(),
                70..84 => self.advance(),
                84..88 => self.change_a_manner(),
                88..92 => self.go_on_with_a_plan(),
                92..95 => self.report(),
                95..98 => self.check_a_node(),
                98 => self.tell_one(Event::AdminStateChanged),
                _ if self.random.one_in(50) => self.stop(),
                _ => self.tell_one(Event::Deadline),
            }
            self.ledger.check(self.now);
        }
        self.stop();
        self.ledger.check(self.now);
        assert!(self.ledger.0.iter().all(|account| account.state.active() == 0), "all is given back");
    }

    fn let_one_live(&mut self) {
        if self.visits.is_empty() {
            return;
        }
        let place = self.random.below(self.visits.len());
        let manner = self.manner(&Arc::clone(&self.visits[place].node));
        let (visit, now) = (&mut self.visits[place], self.now);
        match peers::next(visit, manner, now, &mut self.random) {
            Happening::Nothing => {}
            Happening::Tell(event) => self.tell(place, event),
            Happening::Bytes => {
                visit.session.touch(now);
                visit.active_at = now;
            }
            Happening::Outgrown => {
                visit.session.give_up_replay();
                visit.replayable = false;
                assert_eq!(visit.session.phase(), Phase::Talking);
            }
        }
    }

    fn tell_one(&mut self, event: Event) {
        if !self.visits.is_empty() {
            let place = self.random.below(self.visits.len());
            self.tell(place, event);
        }
    }

    /// Time passes, and timers go off; before them what sockets had to say in the same moment.
    fn advance(&mut self) {
        let span = match self.random.below(400) {
            0 => Duration::from_secs(self.random.next() % 3_456_000),
            1..20 => Duration::from_secs(self.random.next() % 90),
            _ => Duration::from_micros(self.random.next() % 400_000),
        };
        self.now = self.now.after(span);
        if self.random.one_in(100) {
            let jump = self.random.next() % 7_200_000;
            self.unix_offset += jump as i64 - 3_600_000;
        }
        for _ in 0..self.random.below(4) {
            self.let_one_live();
        }
        let late = |visit: &Visit, now| visit.session.deadline(&visit.limits) <= now;
        while let Some(place) = self.visits.iter().position(|visit| late(visit, self.now)) {
            let (id, many) = (self.visits[place].id, self.visits.len());
            self.tell(place, Event::Deadline);
            let stayed = self.visits.len() == many && self.visits[place].id == id;
            assert!(!stayed || !late(&self.visits[place], self.now), "a deadline that came stays due");
        }
    }

    fn manner(&mut self, node: &Arc<NodeState>) -> Manner {
        match self.manners.iter().find(|(known, _)| Arc::ptr_eq(known, node)) {
            Some((_, manner)) => *manner,
            None => {
                let manner = self.random.of(&MANNERS);
                self.manners.push((Arc::clone(node), manner));
                manner
            }
        }
    }

    fn change_a_manner(&mut self) {
        if !self.manners.is_empty() {
            let place = self.random.below(self.manners.len());
            self.manners[place].1 = self.random.of(&MANNERS);
        }
    }

    /// Raised before any worker has the plan, lowered once every worker has it, and looked at then.
    fn go_on_with_a_plan(&mut self) {
        self.change = match self.change.take() {
            None => {
                let plan = plan::draw(&mut self.random, &self.families, &mut self.ledger, Some(&self.plan));
                self.plan = Arc::new(plan);
                self.raise();
                Some(Change::Adopted(0))
            }
            Some(Change::Adopted(WORKERS)) => {
                self.withdraw();
                Some(Change::LookedAt(0))
            }
            Some(Change::Adopted(worker)) => {
                self.workers[worker] = Arc::clone(&self.plan);
                Some(Change::Adopted(worker + 1))
            }
            Some(Change::LookedAt(WORKERS)) => {
                self.retire();
                None
            }
            Some(Change::LookedAt(worker)) => {
                self.look_at_withdrawn(worker);
                Some(Change::LookedAt(worker + 1))
            }
        };
    }

    fn raise(&mut self) {
        for node in self.plan.clusters.iter().flat_map(|cluster| &cluster.nodes) {
            let account = self.ledger.of_mut(&node.state);
            account.cleared &= node.admin_state == AdminState::Offline;
            if node.admin_state == AdminState::Available {
                node.state.set_admin_state(AdminState::Available);
                account.wanted = AdminState::Available;
            }
        }
    }

    fn withdraw(&mut self) {
        let plan = Arc::clone(&self.plan);
        for account in &mut self.ledger.0 {
            let mut nodes = plan.clusters.iter().flat_map(|cluster| &cluster.nodes);
            let planned = nodes.find(|node| Arc::ptr_eq(&node.state, &account.state));
            // What left the plan is drained.
            account.wanted = planned.map_or(AdminState::Draining, |node| node.admin_state);
            account.cleared &= account.wanted == AdminState::Offline;
            account.state.set_admin_state(account.wanted);
        }
    }

    fn look_at_withdrawn(&mut self, worker: usize) {
        let ids: Vec<u64> =
            self.visits.iter().filter(|visit| visit.worker == worker).map(|visit| visit.id).collect();
        for id in ids {
            if let Some(place) = self.visits.iter().position(|visit| visit.id == id) {
                self.tell(place, Event::AdminStateChanged);
            }
        }
    }

    /// Every session was told; nodes that left the plan are forgotten with their last session.
    fn retire(&mut self) {
        let plan = &self.plan;
        let is_planned = |state: &Arc<NodeState>| {
            plan.clusters.iter().any(|cluster| cluster.index_of_state(state).is_some())
        };
        let visits = &self.visits;
        let is_remembered = |state: &Arc<NodeState>| {
            let mut failed = visits.iter().flat_map(|visit| &visit.failed);
            failed.any(|(node, _)| Arc::ptr_eq(node, state))
        };
        self.ledger.0.retain(|account| {
            account.active > 0 || is_planned(&account.state) || is_remembered(&account.state)
        });
        for account in &mut self.ledger.0 {
            account.cleared = account.wanted == AdminState::Offline;
        }
    }

    /// Load ratings and traffic, as the control plane and the workers report them.
    fn report(&mut self) {
        let place = self.random.below(self.ledger.0.len().max(1));
        let Some(account) = self.ledger.0.get(place) else { return };
        if self.random.one_in(2) {
            let value = self.random.of(&[-1e9, -1.0, 0.0, 0.5, 3.0, 1e300]);
            account.state.set_rating(value, self.now);
        } else {
            account.state.relayed(self.random.next() % 1_000_000, self.random.next() >> 20, self.now);
        }
    }

    /// An active check decides about a node, or its address changes.
    fn check_a_node(&mut self) {
        let place = self.random.below(self.ledger.0.len().max(1));
        let Some(account) = self.ledger.0.get_mut(place) else { return };
        if self.random.one_in(10) {
            account.state.moved();
            (account.retry_at, account.proven) = (None, false);
            return;
        }
        let was_down = account.retry_at.is_some();
        if self.random.one_in(3) {
            let retry_at = self.now.after(Duration::from_secs(self.random.next() % 10));
            account.blame(retry_at);
            assert_eq!(account.state.mark_down(retry_at), !was_down);
        } else {
            account.retry_at = None;
            assert_eq!(account.state.mark_up(), was_down);
        }
    }

    fn stop(&mut self) {
        while !self.visits.is_empty() {
            self.tell(0, Event::Stopped);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (visit, moment, event, action) in &self.story {
                let event = event.map_or("opened".to_owned(), |event| format!("{event:?}"));
                eprintln!("{:>16.6} s  session {visit}: {event} -> {action:?}", moment.seconds());
            }
        }
    }
}
