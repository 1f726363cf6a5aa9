//! Bytes that sessions move, counted for their nodes in rounds: not one by one, and not long after.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protobalance_core::moment::Moment;

use crate::pair::Pair;
use crate::sys::give_back_free_memory;
use crate::worker::Worker;

/// Sessions report the bytes they moved to their nodes at least this often.
const COUNT_ROUND: Duration = Duration::from_millis(100);

impl Worker {
    pub(crate) fn count_bytes(&mut self) {
        if self.at.now < self.count_at {
            return;
        }
        for key in std::mem::take(&mut self.dirty) {
            if let Some(pair) = self.table.get_mut(key) {
                pair.dirty = false;
                count(pair, self.at.now);
            }
        }
        self.count_at = Moment::NEVER;
        if self.table.has_ebbed() {
            self.table.forget_crowd();
            self.timer.shrink();
            give_back_free_memory();
        }
        self.counts.buffered.store(self.held as u64, Relaxed);
    }

    /// Puts the session on the list of those whose bytes are to be counted.
    pub(crate) fn mark_dirty(&mut self, key: u32) {
        self.dirty.push(key);
        self.count_soon();
    }

    /// Has the sessions counted in a while.
    pub(crate) fn count_soon(&mut self) {
        if self.count_at == Moment::NEVER {
            self.count_at = self.at.now.after(COUNT_ROUND);
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
