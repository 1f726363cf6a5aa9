//! Newcomers that one worker gives to another. The kernel deals connections to workers by a hash of their
//! addresses, which is even for many and uneven for few. So a worker that has notably more to care for than
//! another lets it have some of its newcomers: before they have sessions, for these stay where they are.
//!
//! What is notable depends on how long sessions last. Where many end all the time, a surplus is gone before a
//! newcomer has reached the other worker; where none end, it stays.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SendError, Sender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use protobalance_core::moment::Moment;

use crate::events::signal;
use crate::newcomer::Newcomer;
use crate::worker::{Command, Worker, WorkerCounts};

/// So long is all the time.
const SPAN: Duration = Duration::from_millis(100);
/// However many end, a surplus is notable that is this part of what the other has.
const PART: u64 = 4;

/// How many of a worker's sessions ended a little while ago: in this span and the one before it.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    begun: Moment,
    now: u64,
    before: u64,
}

impl Ends {
    pub(crate) fn count(&mut self, now: Moment) {
        self.turn(now);
        self.now += 1;
    }

    fn lately(&mut self, now: Moment) -> u64 {
        self.turn(now);
        self.now + self.before
    }

    fn turn(&mut self, now: Moment) {
        let passed = now.since(self.begun);
        if passed >= SPAN {
            let before = if passed < 2 * SPAN { self.now } else { 0 };
            *self = Ends { begun: now, now: 0, before };
        }
    }
}

/// All workers, as they see each other; nobody until all have started.
#[derive(Debug, Default)]
pub(crate) struct Peers(OnceLock<Box<[Peer]>>);

/// A worker, as the others see it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) commands: Sender<Command>,
    pub(crate) wake: Arc<OwnedFd>,
    pub(crate) counts: Arc<WorkerCounts>,
}

impl Peers {
    pub(crate) fn introduce(&self, peers: Vec<Peer>) {
        let _ = self.0.set(peers.into());
    }

    /// Any but `own`, by chance: of many workers none need be looked at by all.
    fn any_other(&self, own: usize, random: u64) -> Option<&Peer> {
        let peers = self.0.get()?;
        let others = peers.len().checked_sub(1).filter(|others| *others > 0)?;
        peers.get((own + 1 + random as usize % others) % peers.len())
    }
}

/// How many newcomers the one is to let the other have, where so many of its sessions ended lately.
fn surplus(own: u64, other: u64, ended: u64) -> u64 {
    let more = own.saturating_sub(other);
    if more > 1 + ended.min(other / PART) { more / 2 } else { 0 }
}

impl WorkerCounts {
    /// All that the worker has to care for.
    fn load(&self) -> u64 {
        self.active.load(Relaxed) + self.waiting.load(Relaxed)
    }
}

impl Worker {
    /// Lets a peer have what it has more room for of the newcomers; not of those whose node is given.
    pub(crate) fn share(&mut self) {
        if self.plan.bound.is_empty() {
            // All listeners are closed. Whoever is here stays: the others may have ended.
            return;
        }
        let random = self.draw().random;
        let ended = self.ends.lately(self.at.now);
        let generation = self.plan.generation;
        let Worker { index, shared, counts, newcomers, .. } = self;
        let Some(peer) = shared.peers.any_other(*index, random) else { return };
        if peer.counts.given.load(Relaxed) > 0 {
            // It is busy with something else, such as waiting for a processor; they would wait with it.
            return;
        }
        let most = surplus(counts.load(), peer.counts.load(), ended) as usize;
        let mut given = 0;
        while given < most && newcomers.last().is_some_and(Newcomer::may_be_given) {
            let Some(mut newcomer) = newcomers.pop_last() else { break };
            newcomer.given = true;
            given += 1;
            counts.waiting.fetch_sub(1, Relaxed);
            peer.counts.waiting.fetch_add(1, Relaxed);
            peer.counts.given.fetch_add(1, Relaxed);
            let gift = Command::TakeOver(newcomer, generation);
            if let Err(SendError(Command::TakeOver(newcomer, _))) = peer.commands.send(gift) {
                // It is lost, and is given nothing more.
                peer.counts.waiting.fetch_sub(1, Relaxed);
                counts.waiting.fetch_add(1, Relaxed);
                newcomers.push(newcomer);
                break;
            }
        }
        if given > 0 {
            signal(&*peer.wake);
        }
    }

    /// Takes what a peer has given. One that came in by a plan before ours goes by ours, as if it came now: the
    /// nodes of the other may be withdrawn. One that came in by a plan that is yet to reach us goes by that one.
    pub(crate) fn take_over(&mut self, mut newcomer: Newcomer, generation: u64) {
        self.counts.given.fetch_sub(1, Relaxed);
        if generation < self.plan.generation {
            newcomer.keep_up(&self.plan);
        }
        self.newcomers.push(newcomer);
    }
}

#[cfg(test)]
mod tests {
    use protobalance_core::moment::Moment;

    use super::{Ends, SPAN, surplus};

    #[test]
    fn a_surplus_that_stays_is_halved_and_one_that_passes_left() {
        for (own, other, ended, given) in [
            (0, 0, 0, 0),
            (1, 0, 0, 0),
            (2, 0, 0, 1),
            (33, 31, 0, 1),
            (33, 31, 1, 0),
            (53, 42, 5_000, 0),
            (54, 42, 5_000, 6),
            (10_000, 0, 5_000, 5_000),
        ] {
            assert_eq!(surplus(own, other, ended), given, "{own} {other} {ended}");
            assert_eq!(surplus(other, own, ended), 0, "{other} {own} {ended}");
        }
    }

    #[test]
    fn ends_count_for_a_while() {
        let (mut ends, start) = (Ends::default(), Moment(1_000_000));
        (0..3).for_each(|_| ends.count(start));
        assert_eq!(ends.lately(start.after(SPAN / 2)), 3);
        let next = start.after(SPAN);
        ends.count(next);
        assert_eq!(ends.lately(next), 4);
        assert_eq!(ends.lately(next.after(SPAN)), 1);
        assert_eq!(ends.lately(next.after(SPAN * 3)), 0);
    }
}
