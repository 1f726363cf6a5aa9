//! Which nodes of a cluster have changed since somebody looked: a bit for each, and a bit for each word
//! of those, so that looking costs what has changed, not how many there are.
//!
//! Law: who changes a node's truth sets its bit afterwards, then its word's; who looks takes the words'
//! bits, then the nodes', and reads the truth after that. So no change is lost, and one that was seen
//! early is only looked at twice.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::node::NodeIndex;

const BITS: usize = 64;
/// Nodes for which one word of the upper level stands.
const BLOCK: usize = BITS * BITS;
const BLOCKS: usize = (NodeIndex::MAX as usize + 1) / BLOCK;

type Words = [AtomicU64; BITS];

/// The changed nodes, by number.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    upper: [AtomicU64; BLOCKS],
    /// Made when a cluster first has so many nodes.
    lower: [OnceLock<Box<Words>>; BLOCKS],
    everything: AtomicBool,
}

impl Changes {
    /// Makes room for so many nodes. Marks of others are lost until then.
    pub(crate) fn reserve(&self, nodes: usize) {
        for block in self.lower.iter().take(nodes.div_ceil(BLOCK)) {
            block.get_or_init(|| Box::new([const { AtomicU64::new(0) }; BITS]));
        }
    }

    /// This node has changed.
    pub(crate) fn mark(&self, node: NodeIndex) {
        let (block, place) = (usize::from(node) / BLOCK, usize::from(node) % BLOCK);
        let Some(words) = self.lower[block].get() else { return };
        words[place / BITS].fetch_or(1 << (place % BITS), Release);
        self.upper[block].fetch_or(1 << (place / BITS), Release);
    }

    /// So much has changed that every node has to be looked at.
    pub(crate) fn mark_everything(&self) {
        self.everything.store(true, Release);
    }

    /// Whether every node has to be looked at; not again for the same reason.
    pub(crate) fn take_everything(&self) -> bool {
        self.everything.load(Relaxed) && self.everything.swap(false, Acquire)
    }

    /// Calls with each changed node, which counts as unchanged from just before.
    pub(crate) fn take(&self, mut look: impl FnMut(NodeIndex)) {
        for (block, (upper, words)) in self.upper.iter().zip(&self.lower).enumerate() {
            let Some(words) = words.get() else { return };
            if upper.load(Relaxed) == 0 {
                continue;
            }
            for word in ones(upper.swap(0, Acquire)) {
                for bit in ones(words[word].swap(0, Acquire)) {
                    look((block * BLOCK + word * BITS + bit) as NodeIndex);
                }
            }
        }
    }
}

/// The places of the bits that are set.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        lowest
    })
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Changes};
    use crate::node::NodeIndex;

    /// In the same word, in one that is still to be looked at, in one that was before, in another block.
    #[test]
    fn a_change_while_changes_are_looked_at_is_seen() {
        let nodes = [3, 4, 70, BLOCK as NodeIndex + 9];
        for looked_at in nodes {
            for changed in nodes {
                let changes = Changes::default();
                changes.reserve(2 * BLOCK);
                nodes.iter().for_each(|node| changes.mark(*node));
                let mut since = 0;
                changes.take(|node| {
                    since += u32::from(since > 0 && node == changed);
                    if node == looked_at {
                        changes.mark(changed);
                        since = 1;
                    }
                });
                changes.take(|node| since += u32::from(node == changed));
                assert!(since > 1, "{changed} changed while {looked_at} was looked at");
                changes.take(|node| panic!("{node} has not changed"));
            }
        }
    }
}
