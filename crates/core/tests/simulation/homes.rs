//! Who is at home where, as law 6 has it: a map without a limit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use protobalance_core::affinity::Affinity;
use protobalance_core::hash::ClientKey;
use protobalance_core::node::NodeIndex;

#[derive(Debug, Default)]
pub(crate) struct Homes(HashMap<ClientKey, (u16, u32)>);

fn key(affinity: &Affinity, client: IpAddr) -> ClientKey {
    ClientKey::masked(client, affinity.prefix_v4, affinity.prefix_v6)
}

/// The table counts whole seconds, and a clock that was set back forgets nobody.
fn is_alive(seen: u32, affinity: &Affinity, unix_now: u32) -> bool {
    Duration::from_secs(u64::from(unix_now.saturating_sub(seen))) <= ceiling(affinity.idle)
}

fn ceiling(idle: Duration) -> Duration {
    Duration::from_secs(idle.as_millis().div_ceil(1000) as u64)
}

impl Homes {
    /// The client's home in the affinity's plan.
    pub(crate) fn of(&self, affinity: &Affinity, client: IpAddr, unix_now: u32) -> Option<NodeIndex> {
        let (id, seen) = *self.0.get(&key(affinity, client))?;
        let index = (0..NodeIndex::MAX).find(|index| affinity.ids.id_of(*index) == Some(id))?;
        is_alive(seen, affinity, unix_now).then_some(index)
    }

    /// The same, and the client was seen now, even if its home is in no plan at present.
    pub(crate) fn visit(&mut self, affinity: &Affinity, client: IpAddr, unix_now: u32) -> Option<NodeIndex> {
        if let Some((_, seen)) = self.0.get_mut(&key(affinity, client))
            && is_alive(*seen, affinity, unix_now)
        {
            *seen = unix_now;
        }
        self.of(affinity, client, unix_now)
    }

    pub(crate) fn settle(&mut self, affinity: &Affinity, client: IpAddr, node: NodeIndex, unix_now: u32) {
        if let Some(id) = affinity.ids.id_of(node) {
            self.0.insert(key(affinity, client), (id, unix_now));
        }
    }
}
