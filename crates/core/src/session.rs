//! One client's way to one node. Events come in, actions go out; the engine carries them out.
//!
//! ```text
//!  Connecting --Connected--> Quiet --first byte either way--> Talking --> ended
//!      ^                       |
//!      +------ next node ------+   as long as no byte went either way (law 3)
//! ```
//!
//! With `replay_unanswered`, bytes that a node has not answered do not yet seal the session's fate:
//! it stays `Unanswered`, and the engine keeps the bytes, until the node's first byte.
//!
//! Blame: a node that fails before a byte is marked down. One that ends without answering replayable
//! bytes is marked down only once another node has answered the same bytes, so that no client can
//! bring nodes into disrepute by sending what every one of them rejects.

mod deadlines;
mod first_contact;
mod home;
mod past;
mod pinned;
mod tls_fault;
mod vocabulary;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use past::Past;
pub use tls_fault::TlsFault;
pub use vocabulary::{Action, Attempt, CloseReason, Event, Failure, News, Phase, Side, TimeLimits};

use crate::cluster::{Cluster, welcome};
use crate::failover::{Candidates, Circumstances, Trace, Why};
use crate::moment::Moment;
use crate::node::{AdminState, Health, NodeIndex, NodeState};

/// A session's decisions and what they rest on.
#[derive(Debug)]
pub struct Session {
    client: IpAddr,
    /// Let go once no other node can be tried, so that long sessions keep no old plan alive.
    cluster: Option<Arc<Cluster>>,
    candidates: Candidates,
    phase: Phase,
    on_trial: bool,
    /// Whether the client's bytes wait for the node to prove itself.
    careful: bool,
    /// Whether the node has spoken.
    answered: bool,
    pinned: bool,
    /// Whether the attempt under way waits for what it needs of the balancer's own.
    put_off: bool,
    first_closed: Option<Side>,
    /// The attempt under way or standing. Apart from the failed ones, so that a session whose first
    /// attempt stands allocates nothing.
    attempt: Option<Attempt>,
    past: Past,
    opened_at: Moment,
    /// What limits all attempts together counts from here: what the balancer had them wait is not theirs.
    tried_from: Moment,
    attempt_at: Moment,
    active_at: Moment,
}

impl Session {
    /// Opens a session and makes its first choice.
    pub fn open(
        client: IpAddr,
        cluster: Arc<Cluster>,
        at: Circumstances,
        trace: &mut Trace,
    ) -> (Session, Action) {
        let mut session = Session::begun(client, cluster, at.now);
        let action = session.try_next(at, trace);
        (session, action)
    }

    fn begun(client: IpAddr, cluster: Arc<Cluster>, now: Moment) -> Session {
        Session {
            client,
            cluster: Some(cluster),
            candidates: Candidates::default(),
            phase: Phase::Connecting,
            on_trial: false,
            careful: false,
            answered: false,
            pinned: false,
            put_off: false,
            first_closed: None,
            attempt: None,
            past: Past::default(),
            opened_at: now,
            tried_from: now,
            attempt_at: now,
            active_at: now,
        }
    }

    /// One step: what happened, and what is to be done about it.
    pub fn on(&mut self, event: Event, limits: &TimeLimits, at: Circumstances) -> Action {
        if self.phase == Phase::Ended {
            return Action::Continue;
        }
        match event {
            Event::Connected => self.connected(at.now),
            Event::Failed(failure) => self.failed(failure, at),
            Event::SpokeToNode => self.spoke_to_node(at.now),
            Event::SpokeToClient => self.spoke_to_client(at.now),
            Event::Closed(side) => self.closed(side, at),
            Event::Reset(Side::Node) if self.may_move_on() => {
                self.failed(self.silent_failure(Failure::Reset), at)
            }
            Event::Reset(Side::Node) => {
                self.doubt_silent_node();
                self.end(CloseReason::NodeReset, true)
            }
            Event::Reset(Side::Client) => self.end(CloseReason::ClientReset, true),
            Event::Vanished(Side::Node) if self.may_move_on() => self.failed(Failure::TimedOut, at),
            Event::Vanished(_) => self.end(CloseReason::PeerVanished, true),
            Event::Finished => self.finished(),
            Event::Deadline => self.deadline_passed(limits, at),
            Event::AdminStateChanged => self.admin_state_changed(at),
            Event::Stopped => self.end(CloseReason::Stopped, true),
        }
    }

    /// Goes on by a newer plan: where the present attempt does not stand, it is that plan's nodes that
    /// are tried next. Without effect where no other node can be tried.
    pub fn rebase(&mut self, cluster: Arc<Cluster>) {
        if self.cluster.is_some() && !self.pinned {
            self.past.look_up_in(&cluster);
            let same_homes = self.cluster.as_ref().is_some_and(|left| left.shares_homes_with(&cluster));
            self.candidates = if same_homes { self.candidates.anew() } else { Candidates::default() };
            self.cluster = Some(cluster);
        }
    }

    /// The attempt under way waits: the balancer has not what it needs of its own. Until it begins again, its
    /// time stands still.
    pub fn put_off(&mut self) {
        self.put_off = true;
    }

    /// The attempt that was put off begins now.
    pub fn begin_again(&mut self, now: Moment) {
        self.tried_from = self.tried_from.after(now.since(self.attempt_at));
        self.attempt_at = now;
        self.put_off = false;
    }

    /// Notes that bytes moved.
    pub fn touch(&mut self, now: Moment) {
        self.active_at = now;
    }

    /// How far it has come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The node of the attempt that is under way or stands.
    #[must_use]
    pub fn node(&self) -> Option<&Arc<NodeState>> {
        self.attempt.as_ref().map(|attempt| &attempt.node)
    }

    /// What became known about nodes since the last call.
    pub fn take_news(&mut self) -> Vec<News> {
        self.past.take_news()
    }

    /// The cluster, while another node of it may still be tried.
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.cluster.as_ref()
    }

    /// Who opened it.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// Every attempt so far, in order.
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.past.failed().iter().chain(&self.attempt)
    }

    /// Every attempt, in order: the failed ones, and the last.
    #[must_use]
    pub fn into_attempts(self) -> (Vec<Attempt>, Option<Attempt>) {
        (self.past.into_failed(), self.attempt)
    }

    /// When it was opened.
    #[must_use]
    pub fn opened_at(&self) -> Moment {
        self.opened_at
    }

    /// When bytes last moved.
    #[must_use]
    pub fn active_at(&self) -> Moment {
        self.active_at
    }

    /// The side that ended its direction first.
    #[must_use]
    pub fn first_closed(&self) -> Option<Side> {
        self.first_closed
    }

    fn connected(&mut self, now: Moment) -> Action {
        if let Some(node) = self.node() {
            node.connected_in(now.since(self.attempt_at));
        }
        self.phase = Phase::Quiet;
        // The early-close window and the trial count from here.
        self.attempt_at = now;
        self.active_at = now;
        Action::Continue
    }

    fn spoke_to_node(&mut self, now: Moment) -> Action {
        self.active_at = now;
        self.careful = false;
        if self.phase == Phase::Quiet {
            let replay =
                !self.pinned && self.cluster.as_ref().is_some_and(|cluster| cluster.limits.replay_unanswered);
            if replay {
                self.phase = Phase::Unanswered;
            } else {
                self.seal();
            }
        }
        Action::Continue
    }

    fn spoke_to_client(&mut self, now: Moment) -> Action {
        self.active_at = now;
        self.answered = true;
        self.prove_node();
        self.mark_up();
        if self.phase != Phase::Talking {
            self.blame_unanswered(now);
            self.seal();
        }
        Action::Continue
    }

    /// The bytes outgrew what can be kept for a replay: the session's fate is its node's from here.
    pub fn give_up_replay(&mut self) {
        if self.phase == Phase::Unanswered {
            self.seal();
        }
    }

    /// No other node can be tried from here on.
    fn seal(&mut self) {
        self.phase = Phase::Talking;
        self.cluster = None;
    }

    fn closed(&mut self, side: Side, at: Circumstances) -> Action {
        if side == Side::Node && self.may_move_on() {
            let window =
                self.cluster.as_ref().map_or(Duration::ZERO, |cluster| cluster.limits.early_close_window);
            if at.now.since(self.attempt_at) <= window {
                return self.failed(self.silent_failure(Failure::ClosedEarly), at);
            }
        }
        if side == Side::Node {
            self.doubt_silent_node();
        }
        self.first_closed.get_or_insert(side);
        self.active_at = at.now;
        Action::PassOn(side)
    }

    /// Whether the node's end may still be hidden from the client: no byte went either way (or it can
    /// be replayed), and the client has not ended its side.
    fn may_move_on(&self) -> bool {
        self.cluster.is_some()
            && !self.pinned
            && matches!(self.phase, Phase::Connecting | Phase::Quiet | Phase::Unanswered)
            && self.first_closed.is_none()
    }

    fn silent_failure(&self, failure: Failure) -> Failure {
        if self.phase == Phase::Unanswered { Failure::Unanswered } else { failure }
    }

    fn failed(&mut self, failure: Failure, at: Circumstances) -> Action {
        let blamed = failure.blames_node() && !self.pinned;
        if let (true, Some(attempt), Some(cluster)) = (blamed, &self.attempt, &self.cluster)
            && attempt.node.mark_down(at.now.after(cluster.limits.retry_interval))
        {
            self.past.note(News::Down(Arc::clone(&attempt.node), failure));
        }
        self.move_on(failure, at)
    }

    fn mark_up(&mut self) {
        self.on_trial = false;
        if !self.pinned
            && let Some(attempt) = &self.attempt
            && attempt.node.mark_up()
        {
            self.past.note(News::Up(Arc::clone(&attempt.node)));
        }
    }

    fn move_on(&mut self, failure: Failure, at: Circumstances) -> Action {
        if self.put_off {
            self.begin_again(at.now);
        }
        if let Some(attempt) = self.attempt.take() {
            attempt.node.session_closed();
            let place = self.cluster.as_ref().and_then(|known| known.index_of_state(&attempt.node));
            let after = at.now.since(self.opened_at);
            self.past.add(Attempt { failure: Some(failure), after, ..attempt }, place);
        }
        self.try_next(at, &mut Trace::empty())
    }

    fn try_next(&mut self, at: Circumstances, trace: &mut Trace) -> Action {
        let Some(cluster) = self.cluster.clone().filter(|_| !self.pinned) else {
            return self.end(CloseReason::NoNode, true);
        };
        let timeout = cluster.limits.failover_timeout;
        if !timeout.is_zero() && at.now.since(self.tried_from) >= timeout {
            return self.end(CloseReason::FailoverTimeout, true);
        }
        let Some((index, why)) = self.choose(&cluster, at, trace) else {
            // A last candidate that ended cleanly said so; nobody else can say otherwise (law 7).
            let clean =
                self.past.failed().last().is_some_and(|last| last.failure == Some(Failure::ClosedEarly));
            return self.end(CloseReason::NoNode, !clean);
        };
        self.begin_attempt(&cluster, index, why, at)
    }

    fn begin_attempt(&mut self, cluster: &Cluster, index: NodeIndex, why: Why, at: Circumstances) -> Action {
        let node = &cluster.nodes[usize::from(index)].state;
        self.on_trial = !self.pinned && node.health(at.now) != Health::Up;
        if self.on_trial {
            // Now, for where it succeeds nothing may be left that knows the cluster.
            welcome(&cluster.nodes, &[index], at.now);
        }
        self.careful = !self.pinned && first_contact::is_due(node, &cluster.limits);
        node.session_opened(at.now, cluster.state.next_ticket());
        let after = at.now.since(self.opened_at);
        self.attempt = Some(Attempt { node: Arc::clone(node), why, failure: None, after });
        self.phase = Phase::Connecting;
        self.attempt_at = at.now;
        Action::Attempt(index)
    }

    /// Offline ends a session, or moves it on while it was promised nothing yet; draining keeps it.
    fn admin_state_changed(&mut self, at: Circumstances) -> Action {
        if self.node().is_none_or(|node| node.admin_state() != AdminState::Offline) {
            return Action::Continue;
        }
        if self.may_move_on() {
            return self.move_on(Failure::Withdrawn, at);
        }
        self.end(CloseReason::NodeOffline, true)
    }

    fn finished(&mut self) -> Action {
        let reason = match self.first_closed {
            Some(Side::Client) => CloseReason::ClientClosed,
            _ => CloseReason::NodeClosed,
        };
        self.end(reason, false)
    }

    fn end(&mut self, reason: CloseReason, reset: bool) -> Action {
        self.phase = Phase::Ended;
        if let Some(node) = self.node() {
            node.session_closed();
        }
        self.cluster = None;
        Action::End { reason, reset }
    }

    /// Nodes that left replayable bytes unanswered are at fault once another has answered them.
    fn blame_unanswered(&mut self, now: Moment) {
        let Some(cluster) = &self.cluster else { return };
        let retry_at = now.after(cluster.limits.retry_interval);
        self.past.blame(Failure::Unanswered, retry_at);
    }
}
