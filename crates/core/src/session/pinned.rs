//! Sessions that belong to one node: the port that the client connected to is that node's, as with the data
//! connections of passive FTP. Nothing is chosen, nobody takes over, and what becomes of such a session says
//! nothing of the node, whose service is another port's. Nor is an early end a failure: an empty file is one.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Action, CloseReason, Session};
use crate::cluster::{Cluster, Node};
use crate::failover::{Circumstances, Why};
use crate::node::{AdminState, NodeIndex};

impl Session {
    /// Opens a session with this node of the cluster, or none. A draining node keeps its sessions whole, and
    /// this is a part of one; an offline one has none.
    pub fn open_at(
        client: IpAddr,
        cluster: Arc<Cluster>,
        node: NodeIndex,
        at: Circumstances,
    ) -> (Session, Action) {
        let mut session = Session::begun(client, Arc::clone(&cluster), at.now);
        session.pinned = true;
        let action = match cluster.nodes.get(usize::from(node)).map(Node::admin_state) {
            Some(AdminState::Available | AdminState::Draining) => {
                session.begin_attempt(&cluster, node, Why::Port, at)
            }
            Some(AdminState::Offline) | None => session.end(CloseReason::NoNode, true),
        };
        (session, action)
    }

    /// Whether it belongs to its node, and to no other.
    #[must_use]
    pub fn pinned(&self) -> bool {
        self.pinned
    }
}
