//! One attempt at a node: everything of the attempt before is forgotten, what was written to that node is
//! held for this one where it may be, and what the client has said meanwhile goes out as soon as it can.

use std::os::fd::OwnedFd;

use protobalance_core::session::{Event, Failure, Side};
use rustix::io::{self, Errno};

use crate::connect::{NotBegun, Then};
use crate::doors::DESCRIPTORS;
use crate::ending::reset_at_close;
use crate::pair::Pair;
use crate::relay::Flow;
use crate::sources::Asker;
use crate::worker::Worker;

/// An attempt whose session may have gone on since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    key: u32,
    epoch: u32,
    attempt: u8,
}

/// An attempt that failed as soon as it was made.
#[derive(Debug)]
pub(crate) struct FailedAttempt {
    tried: Tried,
    failure: Failure,
}

impl Worker {
    /// Connects to a node of the session's cluster.
    pub(crate) fn attempt(&mut self, key: u32, index: usize) {
        self.begin_control(key, index);
        self.in_account(key, forget_last_attempt);
        let frugal = self.is_frugal();
        let Some(pair) = self.table.get_mut(key) else { return };
        // What the client has said already goes out with the handshake's last packet.
        let ahead = pair.read_ahead(&mut self.buffer, frugal);
        if let Some(Err(error)) = ahead
            && !matches!(error, Errno::AGAIN | Errno::INTR)
        {
            // The kernel tells it once.
            return self.side_broke(key, Side::Client, error);
        }
        let then = what_follows(pair, ahead);
        let mut started = start(pair, index, then);
        if started == Err(NotBegun::NoDescriptor) && self.spares.lend() {
            started = start(pair, index, then);
        }
        if let (Err(_), Some(Ok(count @ 1..))) = (started, ahead) {
            pair.to_node.hold(&self.buffer[..count]);
            self.held += count;
        }
        let number = pair.attempt;
        match started {
            Ok(()) => {}
            Err(NotBegun::NoDescriptor) => return self.postpone(key),
            Err(NotBegun::Failed(failure)) => return self.fail_later(key, failure),
        }
        self.arm(key);
        // On a fast way the connection stands already, and the first bytes can go with it.
        self.pump_ahead(key, Side::Client, ahead);
        if self.table.get_mut(key).is_some_and(|pair| pair.attempt == number) {
            self.watch(key, Side::Node);
        }
    }

    /// An attempt that fails at once is dealt with before the next batch: one after the other may do so,
    /// and they must neither stand on each other's stack nor keep other sessions waiting.
    pub(crate) fn fail_later(&mut self, key: u32, failure: Failure) {
        if let Some(tried) = self.tried(key) {
            self.failed.push(FailedAttempt { tried, failure });
        }
    }

    /// Moves the sessions on whose attempts failed at once; to one node each.
    pub(crate) fn move_failed_on(&mut self) {
        for FailedAttempt { tried, failure } in std::mem::take(&mut self.failed) {
            if self.still_tries(tried) {
                self.step(tried.key, Event::Failed(failure));
            }
        }
    }

    /// What was let go for this attempt, another thread was quicker to take. The session waits until there is
    /// a descriptor, as do those who have yet to be taken in (law 9).
    fn postpone(&mut self, key: u32) {
        if let Some(tried) = self.tried(key)
            && let Some(pair) = self.table.get_mut(key)
        {
            pair.session.put_off();
            self.postponed.push(tried);
            self.reached(&DESCRIPTORS);
        }
    }

    /// Makes the attempts that were postponed, as many as there are descriptors for now.
    pub(crate) fn make_postponed(&mut self) {
        if self.postponed.is_empty() || !self.spares.have_one(&self.epoll) {
            return;
        }
        let mut waiting = std::mem::take(&mut self.postponed).into_iter();
        while self.postponed.is_empty()
            && let Some(tried) = waiting.next()
        {
            if self.still_tries(tried) {
                self.make(tried.key);
            }
        }
        self.postponed.extend(waiting);
    }

    /// Makes an attempt that was postponed. A plan may have come since: the node may stand elsewhere in it, or
    /// nowhere.
    fn make(&mut self, key: u32) {
        let Some(pair) = self.table.get_mut(key) else { return };
        pair.session.begin_again(self.at.now);
        let (node, route) = (pair.session.node(), pair.route.as_ref());
        match node.zip(route).and_then(|(node, route)| route.cluster.index_of_state(node)) {
            Some(index) => self.attempt(key, usize::from(index)),
            None => self.step(key, Event::Failed(Failure::Withdrawn)),
        }
    }

    fn tried(&mut self, key: u32) -> Option<Tried> {
        let epoch = self.table.epoch(key);
        self.table.get_mut(key).map(|pair| Tried { key, epoch, attempt: pair.attempt })
    }

    fn still_tries(&mut self, Tried { key, epoch, attempt }: Tried) -> bool {
        self.table.epoch(key) == epoch
            && self.table.get_mut(key).is_some_and(|pair| pair.attempt == attempt && pair.closing.is_none())
    }
}

fn forget_last_attempt(pair: &mut Pair) {
    if let Some(node) = pair.node.take()
        && pair.to_node.delivered() > 0
    {
        // Half a request must not look like a whole one to the node that did not answer it.
        reset_at_close(&node);
    }
    pair.broken = None;
    *pair.awaits_room(Side::Node) = true;
    pair.attempt = pair.attempt.wrapping_add(1);
    pair.node_tuned = Default::default();
    pair.node_tls = None;
    pair.to_node.rewind();
    pair.counted = [0; 2];
    pair.to_client = Flow::new();
    let replay = pair.route.as_ref().is_some_and(|route| route.cluster.limits.replay_unanswered);
    if replay && !pair.session.pinned() && !pair.to_node.can_replay() {
        pair.to_node.keep_for_replay();
    }
}

/// Whether the node will be spoken to as soon as it can be.
fn what_follows(pair: &Pair, ahead: Option<io::Result<usize>>) -> Then {
    let read = matches!(ahead, Some(Ok(1..)));
    let held = pair.to_node.held() > 0 && !pair.session.holds_client();
    if read || held || pair.is_preceded() { Then::Speak } else { Then::Wait }
}

/// Begins the connect, and prepares what goes before the client's bytes.
fn start(pair: &mut Pair, index: usize, then: Then) -> Result<(), NotBegun> {
    let Some(route) = &pair.route else { return Err(NotBegun::Failed(Failure::Withdrawn)) };
    let introduce = route.introduce;
    let steady = pair.listener.ftp.is_some() || !route.ports.is_empty();
    let asker = Asker { client: pair.session.client(), steady, then };
    let socket: OwnedFd = match pair.port {
        0 => route.sources.start(&route.addresses[index], asker)?,
        port => route.sources.start(&route.addresses[index].at_port(port), asker)?,
    };
    if let Some(tls) = &route.tls {
        let agreed = pair.client_tls.as_ref().and_then(|link| link.protocol());
        // Never in the clear what was to be encrypted.
        pair.node_tls = Some(tls.link(index, agreed).ok_or(NotBegun::Failed(Failure::OurShortage))?);
    }
    pair.node = Some(socket);
    pair.introduce(introduce);
    Ok(())
}
