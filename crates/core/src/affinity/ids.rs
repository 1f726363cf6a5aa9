//! The numbers that a table has for a plan's nodes, both ways in one step: a choice among thousands of
//! nodes looks for none. While this value lives, so may the plan, and no other node is given its numbers.

use std::sync::Arc;

use crate::node::NodeIndex;

/// The number of a node that the table has no number for: never stored, never found.
pub const NO_ID: u16 = u16::MAX;

const NOBODY: NodeIndex = NodeIndex::MAX;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeIds {
    ids: Box<[u16]>,
    /// By number; `NOBODY` where it is no node's of the plan.
    indices: Box<[NodeIndex]>,
}

impl NodeIds {
    /// The table's number for each node of a plan, by node index; `NO_ID` for one without.
    #[must_use]
    pub fn shared(ids: impl Into<Box<[u16]>>) -> Arc<NodeIds> {
        let ids = ids.into();
        let numbered = || ids.iter().zip(0..NOBODY).filter(|(id, _)| **id != NO_ID);
        let room = numbered().map(|(id, _)| usize::from(*id) + 1).max().unwrap_or(0);
        let mut indices = vec![NOBODY; room].into_boxed_slice();
        for (id, index) in numbered() {
            indices[usize::from(*id)] = index;
        }
        Arc::new(NodeIds { ids, indices })
    }

    /// The node's number, if it has one.
    #[must_use]
    pub fn id_of(&self, node: NodeIndex) -> Option<u16> {
        self.ids.get(usize::from(node)).copied().filter(|id| *id != NO_ID)
    }

    /// The node with that number, if it is in the plan.
    #[must_use]
    pub fn index_of(&self, id: u16) -> Option<NodeIndex> {
        self.indices.get(usize::from(id)).copied().filter(|index| *index != NOBODY)
    }

    /// Every number of the plan's.
    pub fn all(&self) -> impl Iterator<Item = u16> {
        self.ids.iter().copied().filter(|id| *id != NO_ID)
    }
}
