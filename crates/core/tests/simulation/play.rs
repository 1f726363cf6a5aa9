//! One event for one session: what must come of it is said first, then the session is asked.

use std::sync::Arc;

use protobalance_core::affinity::OnFailover;
use protobalance_core::cluster::Cluster;
use protobalance_core::failover::{Circumstances, Why};
use protobalance_core::moment::Moment;
use protobalance_core::node::{Health, NodeIndex, NodeState};
use protobalance_core::session::{Action, CloseReason, Event, Failure, News, Session, Side};

use crate::fate::{Fate, fate};
use crate::order::{Answer, Question};
use crate::visit::Visit;
use crate::world::World;

/// News of nodes: up, or down like this.
type Tidings = Vec<(Arc<NodeState>, Option<Failure>)>;

impl World {
    /// Tells a session of an event, as `Worker::step` does, and checks all that comes of it.
    pub(crate) fn tell(&mut self, place: usize, event: Event) {
        let mut visit = self.visits.swap_remove(place);
        if !matches!(event, Event::Connected | Event::SpokeToNode | Event::SpokeToClient) {
            self.keep_up_with_plan(&mut visit);
        }
        let at = self.at();
        let mut fate = fate(&visit, event, self.now, &self.ledger);
        let mut tidings = self.book_fate(&mut visit, event, fate);
        let mut answer = None;
        if let Fate::MovesOn(..) = fate {
            if visit.pinned {
                fate = Fate::Ends(CloseReason::NoNode, true);
            } else if visit.is_out_of_time(self.now) {
                fate = Fate::Ends(CloseReason::FailoverTimeout, true);
            } else {
                answer = Some(self.foresee(&mut visit, at));
            }
        }
        if event == Event::Closed(Side::Client) {
            visit.session.stop_holding();
        }
        let action = visit.session.on(event, &visit.limits, at);
        self.note(visit.id, Some(event), action);
        check_news(visit.session.take_news(), &mut tidings);
        let ended = match answer {
            Some(answer) => self.check_choice(&mut visit, action, &answer, at.unix_now),
            None => self.check_fate(&mut visit, action, fate),
        };
        if ended {
            self.check_end(visit, at);
        } else {
            visit.check(self.now);
            self.visits.push(visit);
        }
        if let Action::PassOn(_) = action
            && let Some(place) = self.visits.iter().position(|visit| visit.ended_sides.len() == 2)
        {
            self.tell(place, Event::Finished);
        }
    }

    fn keep_up_with_plan(&mut self, visit: &mut Visit) {
        let plan = &self.workers[visit.worker];
        let (family, limits) = plan.listeners[visit.listener];
        let cluster = &plan.clusters[family];
        if visit.is_sealed() || Arc::ptr_eq(cluster, &visit.cluster) {
            return;
        }
        visit.session.rebase(Arc::clone(cluster));
        if visit.pinned {
            return;
        }
        if !has_same_homes(cluster, &visit.cluster) {
            visit.came_with_home = None;
        }
        (visit.afresh, visit.home) = (true, None);
        (visit.cluster, visit.limits) = (Arc::clone(cluster), limits);
    }

    /// What the event means for the nodes, before anything is chosen.
    fn book_fate(&mut self, visit: &mut Visit, event: Event, fate: Fate) -> Tidings {
        let mut tidings = Tidings::new();
        if matches!(event, Event::Closed(Side::Node) | Event::Reset(Side::Node))
            && matches!(fate, Fate::PassedOn(_) | Fate::Ends(..))
            && !visit.pinned
            && !visit.spoke_to_client
            && visit.ended_sides.is_empty()
        {
            // Perhaps its client was at fault, but the next one's bytes shall wait.
            self.ledger.of_mut(&visit.node).proven = false;
        }
        let retry_at = self.now.after(visit.cluster.limits.retry_interval);
        match fate {
            Fate::MovesOn(failure, blamed) => {
                let account = self.ledger.of_mut(&visit.node);
                if blamed {
                    if account.retry_at.is_none() {
                        tidings.push((Arc::clone(&visit.node), Some(failure)));
                    }
                    account.blame(retry_at);
                }
                account.close();
                visit.failed.push((Arc::clone(&visit.node), failure));
            }
            Fate::Ends(..) => self.ledger.of_mut(&visit.node).close(),
            Fate::Stayed => {
                let (trial, pause) = (self.now >= visit.trial_due(), self.now >= visit.pause_due());
                if pause {
                    visit.careful = false;
                    self.ledger.of_mut(&visit.node).proven = true;
                }
                if trial {
                    self.book_proof(visit, &mut tidings);
                }
            }
            Fate::PassedOn(side) => visit.end_side(side, self.now),
            Fate::GoesOn => {}
        }
        match event {
            // Let go of before the end is told.
            Event::Closed(Side::Client) => visit.careful = false,
            Event::Connected => {
                (visit.connected, visit.attempt_at, visit.active_at) = (true, self.now, self.now);
            }
            Event::SpokeToNode => {
                (visit.spoke_to_node, visit.careful, visit.active_at) = (true, false, self.now);
                visit.replayable = visit.cluster.limits.replay_unanswered && !visit.pinned;
            }
            Event::SpokeToClient => {
                visit.careful = false;
                self.ledger.of_mut(&visit.node).proven |= !visit.pinned;
                self.book_proof(visit, &mut tidings);
                if !visit.is_sealed() {
                    self.book_disproof(visit, retry_at, &mut tidings);
                }
                (visit.spoke_to_client, visit.active_at) = (true, self.now);
            }
            _ => {}
        }
        tidings
    }

    /// The node has shown that it serves.
    fn book_proof(&mut self, visit: &mut Visit, tidings: &mut Tidings) {
        visit.on_trial = false;
        if visit.pinned {
            return;
        }
        if self.ledger.of_mut(&visit.node).retry_at.take().is_some() {
            tidings.push((Arc::clone(&visit.node), None));
        }
    }

    /// What others left unanswered, this node has answered.
    fn book_disproof(&mut self, visit: &Visit, retry_at: Moment, tidings: &mut Tidings) {
        for (node, _) in visit.failed.iter().filter(|(_, failure)| *failure == Failure::Unanswered) {
            let account = self.ledger.of_mut(node);
            if account.retry_at.is_none() {
                tidings.push((Arc::clone(node), Some(Failure::Unanswered)));
            }
            account.blame(retry_at);
        }
    }

    /// How the next choice must come out, the present node having failed.
    fn foresee(&mut self, visit: &mut Visit, at: Circumstances) -> Answer {
        let (cluster, tried) = (Arc::clone(&visit.cluster), visit.tried());
        let client = visit.session.client();
        let homes = &mut self.homes[family_of(&cluster)];
        let question = Question { cluster: &cluster, ledger: &self.ledger, tried: &tried, now: self.now };
        if let Some(affinity) = cluster.affinity.as_ref().filter(|_| !tried.is_empty()) {
            // Another session of the client's may have found it a home meanwhile.
            let home = homes.of(affinity, client, at.unix_now);
            let known = |home| visit.home == Some(home) || tried.contains(&home);
            if home.is_some_and(|home| !known(home)) {
                (visit.afresh, visit.home) = (false, home);
                visit.came_with_home.get_or_insert(true);
                return question.first(home);
            }
        }
        if !std::mem::take(&mut visit.afresh) {
            return question.after(visit.last);
        }
        visit.home = cluster.affinity.as_ref().and_then(|it| homes.visit(it, client, at.unix_now));
        visit.came_with_home.get_or_insert(visit.home.is_some());
        question.first(visit.home)
    }

    /// True if the session ended.
    fn check_choice(&mut self, visit: &mut Visit, action: Action, answer: &Answer, unix_now: u32) -> bool {
        let chosen = chosen(&visit.session, action);
        assert!(answer.allows(chosen), "law 2: {chosen:?} is not {answer:?}, {action:?}");
        let Some(chosen) = chosen else {
            // Law 7: what the last one ended cleanly is no reset.
            let clean = visit.failed.last().is_some_and(|(_, failure)| *failure == Failure::ClosedEarly);
            assert_eq!(action, Action::End { reason: CloseReason::NoNode, reset: !clean });
            return true;
        };
        let node = Arc::clone(&visit.cluster.nodes[usize::from(chosen.0)].state);
        assert!(!visit.failed.iter().any(|(tried, _)| Arc::ptr_eq(tried, &node)), "nobody is tried twice");
        visit.node = node;
        self.book_attempt(visit, chosen, unix_now);
        false
    }

    pub(crate) fn book_attempt(&mut self, visit: &mut Visit, chosen: (NodeIndex, Why), unix_now: u32) {
        let (index, why) = chosen;
        let (now, retry_interval) = (self.now, visit.cluster.limits.retry_interval);
        let account = self.ledger.of_mut(&visit.node);
        if why == Why::Port {
            // What becomes of it says nothing of the node.
            return account.open();
        }
        if why != Why::LastResort && account.health(now) == Health::DueForTrial {
            // Law 4: this is the one trial, until it is decided or its time is up.
            account.retry_at = Some(now.after(retry_interval));
        }
        visit.on_trial = account.retry_at.is_some();
        let limits = &visit.cluster.limits;
        visit.careful = !account.proven && !limits.first_contact_pause.is_zero() && !limits.replay_unanswered;
        account.open();
        visit.last = chosen;
        (visit.connected, visit.attempt_at) = (false, now);
        (visit.spoke_to_node, visit.replayable) = (false, false);
        let cluster = Arc::clone(&visit.cluster);
        if let Some(affinity) = &cluster.affinity {
            let (client, homes) = (visit.session.client(), &mut self.homes[family_of(&cluster)]);
            if why != Why::Affinity && visit.may_settle() {
                homes.settle(affinity, client, index, unix_now);
            }
            assert_eq!(affinity.peek(client, unix_now), homes.of(affinity, client, unix_now), "law 6");
        }
    }

    fn check_fate(&mut self, visit: &mut Visit, action: Action, fate: Fate) -> bool {
        let due = match fate {
            Fate::GoesOn | Fate::Stayed => Action::Continue,
            Fate::PassedOn(side) => Action::PassOn(side),
            Fate::Ends(reason, reset) => Action::End { reason, reset },
            Fate::MovesOn(..) => unreachable!("it has an answer"),
        };
        assert_eq!(action, due, "{visit:?}");
        matches!(action, Action::End { .. })
    }

    /// It ends once: whatever comes now changes nothing.
    fn check_end(&mut self, mut visit: Visit, at: Circumstances) {
        let late = self.random.of(&[
            Event::Connected,
            Event::SpokeToClient,
            Event::Failed(Failure::Refused),
            Event::Closed(Side::Node),
            Event::Reset(Side::Client),
            Event::Deadline,
            Event::AdminStateChanged,
            Event::Stopped,
        ]);
        assert_eq!(visit.session.on(late, &visit.limits, at), Action::Continue, "law 13: one close reason");
        assert!(visit.session.take_news().is_empty());
        assert_eq!(visit.session.deadline(&visit.limits), Moment::NEVER);
        let failed = visit.session.attempts().filter(|attempt| attempt.failure.is_some()).count();
        assert_eq!(failed, visit.failed.len(), "law 13: the record has every attempt");
    }
}

impl Visit {
    /// Whether it is for this session to say where its client is at home.
    fn may_settle(&self) -> bool {
        let affinity = self.cluster.affinity.as_ref();
        let moves = affinity.is_some_and(|affinity| affinity.on_failover == OnFailover::Move);
        moves || self.came_with_home != Some(true)
    }

    fn end_side(&mut self, side: Side, now: Moment) {
        self.active_at = now;
        if !self.has_ended(side) {
            self.ended_sides.push(side);
        }
    }

    pub(crate) fn check(&self, now: Moment) {
        let node = self.session.node().expect("an attempt");
        assert!(Arc::ptr_eq(node, &self.node));
        assert_eq!(self.session.phase(), self.phase(), "{self:?}");
        let cluster = (!self.is_sealed()).then_some(&self.cluster);
        let goes_by = self.session.cluster().map(Arc::as_ptr);
        assert_eq!(
            goes_by,
            cluster.map(Arc::as_ptr),
            "sealed sessions keep no plan alive, others their latest"
        );
        assert_eq!(self.session.deadline(&self.limits), self.due(), "at {now:?}: {self:?}");
        assert_eq!(self.session.holds_client(), self.careful);
        assert_eq!(self.session.first_closed(), self.ended_sides.first().copied());
    }
}

pub(crate) fn chosen(session: &Session, action: Action) -> Option<(NodeIndex, Why)> {
    let Action::Attempt(index) = action else { return None };
    Some((index, session.attempts().last()?.why))
}

pub(crate) fn family_of(cluster: &Cluster) -> usize {
    cluster.name[1..].parse().expect("c0, c1, ...")
}

fn has_same_homes(one: &Cluster, other: &Cluster) -> bool {
    one.affinity.is_some() && other.affinity.is_some() && one.name == other.name
}

fn check_news(news: Vec<News>, tidings: &mut Tidings) {
    assert_eq!(news.len(), tidings.len(), "{news:?} for {tidings:?}");
    for (news, (node, failure)) in news.into_iter().zip(tidings.drain(..)) {
        let (told, how) = match news {
            News::Down(node, failure) => (node, Some(failure)),
            News::Up(node) => (node, None),
        };
        assert!(Arc::ptr_eq(&told, &node) && how == failure, "{how:?} of {} for {failure:?}", told.name());
    }
}
