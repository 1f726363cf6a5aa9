//! Newcomers that one worker gives to another. The kernel deals connections to workers by a hash of their
//! addresses, which is even for many and uneven for few. So a worker that has notably more to care for than
//! another lets it have some of its newcomers: before they have sessions, for these stay where they are.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SendError, Sender};
use std::sync::{Arc, OnceLock};

use crate::events::signal;
use crate::newcomer::Newcomer;
use crate::worker::{Command, Worker, WorkerCounts};

/// A surplus up to here is left as it is; and as much again for every `PART` sessions that the other has.
const MARGIN: u64 = 2;
const PART: u64 = 8;

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

/// How many newcomers the one is to let the other have.
fn surplus(own: u64, other: u64) -> u64 {
    let more = own.saturating_sub(other);
    if more > MARGIN + other / PART { more / 2 } else { 0 }
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
        let random = self.draw().random;
        let Worker { index, shared, counts, newcomers, .. } = self;
        let Some(peer) = shared.peers.any_other(*index, random) else { return };
        let most = surplus(counts.load(), peer.counts.load()) as usize;
        let given = newcomers.iter().rev().take(most).take_while(|newcomer| newcomer.pin.is_none()).count();
        for newcomer in newcomers.split_off(newcomers.len() - given) {
            counts.waiting.fetch_sub(1, Relaxed);
            peer.counts.waiting.fetch_add(1, Relaxed);
            if let Err(SendError(Command::TakeOver(newcomer))) =
                peer.commands.send(Command::TakeOver(newcomer))
            {
                // It is lost.
                peer.counts.waiting.fetch_sub(1, Relaxed);
                counts.waiting.fetch_add(1, Relaxed);
                newcomers.push_back(newcomer);
            }
        }
        if given > 0 {
            signal(&*peer.wake);
        }
    }

    /// Takes what a peer has given, as if it had been accepted here.
    pub(crate) fn take_over(&mut self, mut newcomer: Newcomer) {
        newcomer.keep_up(&self.plan);
        self.newcomers.push_back(newcomer);
    }
}

#[cfg(test)]
mod tests {
    use super::{MARGIN, surplus};

    #[test]
    fn a_notable_surplus_is_halved_and_a_small_one_left() {
        for (own, other, given) in
            [(0, 0, 0), (MARGIN, 0, 0), (MARGIN + 1, 0, 1), (100, 90, 0), (104, 90, 7), (10_000, 0, 5_000)]
        {
            assert_eq!(surplus(own, other), given, "{own} {other}");
            assert_eq!(surplus(other, own), 0, "{other} {own}");
        }
    }
}
