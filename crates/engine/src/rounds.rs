//! What need not be done for each session is done in rounds, soon after: bytes are counted for their nodes, and
//! what crowds needed is given back.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protobalance_core::moment::Moment;

use crate::pair::Pair;
use crate::sys::give_back_free_memory;
use crate::worker::Worker;

/// How soon.
const ROUND: Duration = Duration::from_millis(100);

impl Worker {
    pub(crate) fn end_round(&mut self) {
        if self.at.now < self.round_at {
            return;
        }
        for key in std::mem::take(&mut self.dirty) {
            if let Some(pair) = self.table.get_mut(key) {
                pair.dirty = false;
                count(pair, self.at.now);
            }
        }
        self.round_at = Moment::NEVER;
        if self.table.has_ebbed() {
            self.table.forget_crowd();
            self.timer.shrink();
            give_back_free_memory();
        }
        self.spares.clear();
        self.counts.buffered.store(self.held as u64, Relaxed);
    }

    /// Puts the session on the list of those whose bytes are to be counted.
    pub(crate) fn mark_dirty(&mut self, key: u32) {
        self.dirty.push(key);
        self.round_soon();
    }

    /// Has what was left for it done in a while.
    pub(crate) fn round_soon(&mut self) {
        if self.round_at == Moment::NEVER {
            self.round_at = self.at.now.after(ROUND);
        }
    }
}

/// Counts a session's bytes for its node.
pub(crate) fn count(pair: &mut Pair, now: Moment) {
    let (to_node, to_client) = pair.take_uncounted();
    if let Some(node) = pair.session.node()
        && to_node + to_client > 0
    {
        node.relayed(to_node, to_client, now);
    }
}
