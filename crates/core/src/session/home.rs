//! What a session's choice has to do with its client's home (law 6): one client has one home, however
//! many of its sessions choose at once, on however many workers.

use super::Session;
use crate::affinity::{Affinity, OnFailover};
use crate::cluster::Cluster;
use crate::failover::{Circumstances, Trace, Why};
use crate::node::NodeIndex;

impl Session {
    /// The next node. Where the client has got a home since this session looked, from another session
    /// of its, that is where it goes.
    pub(super) fn choose(
        &mut self,
        cluster: &Cluster,
        at: Circumstances,
        trace: &mut Trace,
    ) -> Option<(NodeIndex, Why)> {
        if let Some(home) = self.other_home(cluster, at.unix_now) {
            self.candidates = self.candidates.headed_for(home);
        }
        let (index, why) = self.candidates.next(cluster, self.client, self.past.tried(), at, trace)?;
        let Some(home) = self.settle(cluster, index, why, at.unix_now) else {
            return Some((index, why));
        };
        // Another worker was faster by a moment.
        self.candidates = self.candidates.headed_for(home);
        self.candidates.next(cluster, self.client, self.past.tried(), at, trace)
    }

    /// The home that the client has got since this session looked.
    fn other_home(&self, cluster: &Cluster, unix_now: u32) -> Option<NodeIndex> {
        let affinity = cluster.affinity.as_ref().filter(|_| !self.past.tried().is_empty())?;
        affinity.peek(self.client, unix_now).filter(|home| !self.found_wanting(*home))
    }

    /// The affinity, if it is for this session to say where the client is at home.
    fn affinity_to_keep<'a>(&self, cluster: &'a Cluster) -> Option<&'a Affinity> {
        let affinity = cluster.affinity.as_ref()?;
        let moves = !self.candidates.came_with_home() || affinity.on_failover == OnFailover::Move;
        moves.then_some(affinity)
    }

    fn found_wanting(&self, home: NodeIndex) -> bool {
        self.candidates.home() == Some(home) || self.past.tried().contains(&home)
    }

    /// Remembers at the choice, not at the first byte: a client's parallel connections belong together.
    /// The client's home, if that is another one by now.
    fn settle(&self, cluster: &Cluster, chosen: NodeIndex, why: Why, unix_now: u32) -> Option<NodeIndex> {
        let affinity = self.affinity_to_keep(cluster).filter(|_| why != Why::Affinity)?;
        let home = affinity.settle(self.client, chosen, unix_now, |home| self.found_wanting(home));
        (home != chosen).then_some(home)
    }
}
