//! Same client, same node (law 6): a bounded table that all workers share without a lock, and a
//! cluster's view of it under one plan.

mod ids;
mod table;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub use ids::{NO_ID, NodeIds};
pub use table::{Memory, Table, slots_for, words_for};

use crate::hash::ClientKey;
use crate::node::NodeIndex;

/// What happens to a client whose home could not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailover {
    /// It goes home again when home is back.
    Return,
    /// Where it went is its home from now on.
    Move,
}

/// A cluster's affinity as one plan sees it.
#[derive(Debug)]
pub struct Affinity {
    /// The table.
    pub table: Arc<Table>,
    /// A client unseen for this long is forgotten.
    pub idle: Duration,
    /// Leading bits of an IPv4 address that make a client.
    pub prefix_v4: u8,
    /// Leading bits of an IPv6 address that make a client.
    pub prefix_v6: u8,
    /// What happens after a failover.
    pub on_failover: OnFailover,
    /// The table's numbers for the plan's nodes.
    pub ids: Arc<NodeIds>,
}

impl Affinity {
    /// The home of a client that comes now, if it has one in this plan. `unix_now` in seconds.
    #[must_use]
    pub fn home(&self, client: IpAddr, unix_now: u32) -> Option<NodeIndex> {
        self.ids.index_of(self.table.visit(self.key(client), unix_now, self.idle_seconds())?)
    }

    /// The home that a client would have now; `explain` asks so, and the client is not seen by it.
    #[must_use]
    pub fn peek(&self, client: IpAddr, unix_now: u32) -> Option<NodeIndex> {
        self.ids.index_of(self.table.get(self.key(client), unix_now, self.idle_seconds())?)
    }

    /// Gives the client to `node`, seen now, unless it has a home in this plan by now that
    /// `may_replace` holds on to: that one is the answer. Costs no write where all is known to the
    /// second.
    pub fn settle(
        &self,
        client: IpAddr,
        node: NodeIndex,
        unix_now: u32,
        may_replace: impl Fn(NodeIndex) -> bool,
    ) -> NodeIndex {
        let Some(id) = self.ids.id_of(node) else { return node };
        let may_replace = |id| self.ids.index_of(id).is_none_or(&may_replace);
        let home = self.table.settle(self.key(client), id, unix_now, self.idle_seconds(), may_replace);
        self.ids.index_of(home).unwrap_or(node)
    }

    /// Forgets the client. True if it was known.
    pub fn forget(&self, client: IpAddr) -> bool {
        self.table.forget(self.key(client))
    }

    fn key(&self, client: IpAddr) -> ClientKey {
        ClientKey::masked(client, self.prefix_v4, self.prefix_v6)
    }

    fn idle_seconds(&self) -> u32 {
        whole_seconds(self.idle)
    }
}

/// As tables count time: rounded up.
#[must_use]
pub fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
