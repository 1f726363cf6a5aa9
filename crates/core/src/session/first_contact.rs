//! First contact with a node that is not proven ([`NodeState::proven`]): it is given a moment to show
//! that it is broken before the client's first bytes go to it, for bytes once sent cannot go elsewhere.

use super::{Phase, Session};
use crate::cluster::Limits;
use crate::moment::Moment;
use crate::node::NodeState;

/// Whether a client's first bytes shall wait at this node. What can be replayed need not.
pub(super) fn is_due(node: &NodeState, limits: &Limits) -> bool {
    !node.proven() && !limits.first_contact_pause.is_zero() && !limits.replay_unanswered
}

impl Session {
    /// Whether the client's bytes are to be left where they are for now.
    #[must_use]
    pub fn holds_client(&self) -> bool {
        self.careful && matches!(self.phase, Phase::Connecting | Phase::Quiet)
    }

    /// The client's bytes wait no longer: it has ended.
    pub fn stop_holding(&mut self) {
        self.careful = false;
    }

    /// The node has shown that it does not end at once.
    pub(super) fn prove_node(&mut self) {
        self.careful = false;
        if let (false, Some(node)) = (self.pinned, self.node()) {
            node.prove();
        }
    }

    /// A node that ends what it never answered is no failure by law 3, or clients could bring nodes
    /// into disrepute; but the next client's bytes shall wait until it has proven itself.
    pub(super) fn doubt_silent_node(&self) {
        let silent = !self.answered && !self.pinned;
        if let (true, None, Some(node)) = (silent, self.first_closed, self.node()) {
            node.doubt();
        }
    }

    /// Until when the node has to stay: that long one that is broken would not.
    pub(super) fn pause_ends(&self) -> Option<Moment> {
        let cluster = self.cluster.as_ref().filter(|_| self.careful)?;
        Some(self.attempt_at.after(cluster.limits.first_contact_pause))
    }
}
