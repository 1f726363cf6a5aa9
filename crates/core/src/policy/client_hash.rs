//! `client-hash`: the same client, the same node, on every balancer with the same key; and when a
//! node leaves, only its own clients move.
//!
//! Weighted rendezvous (Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker
//! 2005): each node draws an exponentially distributed number from the hash of client and node
//! *name*, divided by its weight; the lowest wins, which happens with a chance in proportion to the
//! weight. All in integers, see `hash.rs`.
//!
//! Fallbacks inherit draws, not weights: a node that cannot take the session still draws, and if it
//! wins, the client is its heir's. So its clients move, all of them to one node, and nobody else's
//! do: a weight added to the heir's own would call clients of all other nodes to it.

use std::cmp::Reverse;

use super::{Ask, Pick, Policy};
use crate::hash::{self, ClientKey, Key};
use crate::node::NodeIndex;

/// Weighted rendezvous hashing of the client's address.
#[derive(Debug)]
pub struct ClientHash {
    key: Key,
    /// Each node's name, hashed, by index.
    nodes: Box<[u64]>,
}

/// A node's number for a client, and the best so far.
#[derive(Clone, Copy)]
struct Draw {
    /// Exponentially distributed, in units of 2^-64; to be divided by the weight.
    number: u128,
    weight: u128,
    /// Decides where two draws are equal, as all else is: the same on every balancer.
    digest: u64,
}

impl ClientHash {
    /// For the nodes of one plan, in its order.
    #[must_use]
    pub fn new(key: Key, nodes: &[&str]) -> ClientHash {
        ClientHash { key, nodes: nodes.iter().map(|name| hash::keyed(&key, name.as_bytes())).collect() }
    }

    fn shortfall(&self, client: u64, index: NodeIndex) -> Option<(u64, u64)> {
        let digest = *self.nodes.get(usize::from(index))?;
        Some((hash::mix(client ^ digest), digest))
    }
}

impl Draw {
    fn beats(&self, other: &Draw) -> bool {
        let (ours, theirs) = (self.number * other.weight, other.number * self.weight);
        (ours, Reverse(self.digest)) < (theirs, Reverse(other.digest))
    }
}

impl Policy for ClientHash {
    fn name(&self) -> &'static str {
        "client-hash"
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        let client = ClientKey::of(ask.client).digest(&self.key);
        let mut best: Option<(Draw, Pick)> = None;
        for (index, node) in ask.nodes.iter().enumerate().filter(|(_, node)| node.weight > 0) {
            let index = index as NodeIndex;
            let Some((shortfall, digest)) = self.shortfall(client, index) else { continue };
            // The number is never below the shortfall, and most nodes lose by that alone: no logarithm.
            let mut draw = Draw { number: shortfall.into(), weight: node.weight.into(), digest };
            if best.as_ref().is_some_and(|(best, _)| !draw.beats(best)) {
                continue;
            }
            draw.number = hash::exponential(shortfall);
            let wins = best.as_ref().is_none_or(|(best, _)| draw.beats(best));
            if wins && let Some(heir) = ask.heir(index) {
                best = Some((draw, Pick { node: heir, weight: node.weight, seen: 0 }));
            }
        }
        best.map(|(_, pick)| pick)
    }

    /// The node's draw divided by its weight; the mean is 1 for weight 1. The lowest of several, if
    /// it stands in for others.
    fn value(&self, ask: &Ask<'_>, node: NodeIndex) -> Option<f64> {
        let client = ClientKey::of(ask.client).digest(&self.key);
        let draw = |index: NodeIndex| {
            let weight = ask.nodes.get(usize::from(index))?.weight;
            let (shortfall, _) = self.shortfall(client, index).filter(|_| weight > 0)?;
            Some(hash::exponential(shortfall) as f64 / (u64::MAX as f64) / f64::from(weight))
        };
        let others = ask.nodes.get(usize::from(node))?.stands_in_for.iter().copied();
        let inherited = others.filter(|other| ask.heir(*other) == Some(node)).filter_map(draw);
        draw(node).into_iter().chain(inherited).min_by(f64::total_cmp)
    }
}
