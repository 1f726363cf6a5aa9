//! Whom a node tells that it changed, and of which changes.
//!
//! Law: a node that is told to tell and changes at the same moment is either seen by who told it, after
//! the fence that follows, or tells: one of the two is first in the one order of sequentially consistent
//! operations. For that the change itself has to be one, and is to come before [`Teller::changed`].

use std::ops::BitOr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::sync::{Arc, OnceLock};

use super::ranking::Ranking;
use crate::node::NodeIndex;

/// Kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch(u32);

impl Watch {
    /// Whether it may take clients, its room aside.
    pub(crate) const ABILITY: Watch = Watch(1 << 16);
    /// A session was opened.
    pub(crate) const OPENED: Watch = Watch(1 << 17);
    /// A session was closed.
    pub(crate) const CLOSED: Watch = Watch(1 << 18);
    /// Bytes were relayed.
    pub(crate) const TRAFFIC: Watch = Watch(1 << 19);
    /// A connect took so long.
    pub(crate) const CONNECTS: Watch = Watch(1 << 20);
    /// A load rating was published: that bears on all nodes.
    pub(crate) const RATINGS: Watch = Watch(1 << 21);
}

impl BitOr for Watch {
    type Output = Watch;

    fn bitor(self, other: Watch) -> Watch {
        Watch(self.0 | other.0)
    }
}

/// A node's end of it.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    ranking: OnceLock<Arc<Ranking>>,
    /// The changes to tell of, and below them the node's number.
    told: AtomicU32,
}

impl Teller {
    /// From now on tells the ranking of these changes of node `index`; false if it tells another one.
    pub(super) fn tell(&self, ranking: &Arc<Ranking>, index: NodeIndex, watch: Watch) -> bool {
        let ours = Arc::ptr_eq(self.ranking.get_or_init(|| Arc::clone(ranking)), ranking);
        if ours {
            self.told.store(watch.0 | u32::from(index), Relaxed);
        }
        ours
    }

    /// The node has changed.
    pub(crate) fn changed(&self, how: Watch) {
        let told = self.told.load(SeqCst);
        if told & how.0 != 0 {
            self.mark(told as NodeIndex);
        }
    }

    /// Out of line: nodes of small clusters tell nobody.
    #[inline(never)]
    fn mark(&self, index: NodeIndex) {
        if let Some(ranking) = self.ranking.get() {
            ranking.changes.mark(index);
        }
    }

    /// It has changed in a way that bears on all nodes. Rare: brings its order with it.
    pub(crate) fn changed_for_all(&self, how: Watch) {
        fence(SeqCst);
        if self.told.load(SeqCst) & how.0 != 0
            && let Some(ranking) = self.ranking.get()
        {
            ranking.changes.mark_everything();
        }
    }
}
