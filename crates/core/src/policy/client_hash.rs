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

use super::{Ask, Basis, Pick, Policy};
use crate::hash::{self, ClientKey, Key};
use crate::node::NodeIndex;

/// Weighted rendezvous hashing of the client's address.
#[derive(Debug)]
pub(super) struct ClientHash {
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
    pub(super) fn new(key: Key, nodes: &[&str]) -> ClientHash {
        ClientHash { key, nodes: nodes.iter().map(|name| hash::keyed(&key, name.as_bytes())).collect() }
    }

    fn shortfall(&self, client: u64, index: NodeIndex) -> Option<u64> {
        self.nodes.get(usize::from(index)).map(|digest| hash::mix(client ^ digest))
    }
}

/// What a shortfall must not exceed, times its node's weight, for the node to be able to win: in units
/// of `2^COARSE`, rounded up, so that with any weight the product of two words is one word. A number is
/// never below its shortfall, and most nodes lose by that alone: no logarithm, no wide product.
const COARSE: u32 = 16;

/// Any node may win.
const UNBOUNDED: u64 = 1 << (64 - COARSE);

impl Draw {
    fn beats(&self, other: &Draw) -> bool {
        let (ours, theirs) = (self.number * other.weight, other.number * self.weight);
        (ours, Reverse(self.digest)) < (theirs, Reverse(other.digest))
    }

    fn bound(&self) -> u64 {
        let per_weight = (self.number / self.weight) >> COARSE;
        u64::try_from(per_weight).map_or(UNBOUNDED, |bound| UNBOUNDED.min(bound + 1))
    }
}

impl Policy for ClientHash {
    fn name(&self) -> &'static str {
        "client-hash"
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        let client = ClientKey::of(ask.client).digest(&self.key);
        let mut best: Option<(Draw, Pick)> = None;
        let mut bound = UNBOUNDED;
        for (index, (node, digest)) in ask.nodes.iter().zip(&self.nodes).enumerate() {
            let shortfall = hash::mix(client ^ digest);
            if node.weight == 0 || shortfall >> COARSE > bound * u64::from(node.weight) {
                continue;
            }
            let Some(heir) = ask.heir(index as NodeIndex) else { continue };
            let number = hash::exponential(shortfall);
            let draw = Draw { number, weight: node.weight.into(), digest: *digest };
            if best.as_ref().is_none_or(|(best, _)| draw.beats(best)) {
                best = Some((draw, Pick::of(heir, node.weight)));
                bound = draw.bound();
            }
        }
        best.map(|(_, pick)| pick)
    }

    /// The node's draw divided by its weight; the mean is 1 for weight 1. The lowest of several, if
    /// it stands in for others.
    fn value(&self, ask: &Ask<'_>, _basis: &Basis, node: NodeIndex) -> Option<f64> {
        let client = ClientKey::of(ask.client).digest(&self.key);
        let draw = |index: NodeIndex| {
            let weight = ask.nodes.get(usize::from(index))?.weight;
            let shortfall = self.shortfall(client, index).filter(|_| weight > 0)?;
            Some(hash::exponential(shortfall) as f64 / (u64::MAX as f64) / f64::from(weight))
        };
        let others = ask.nodes.get(usize::from(node))?.stands_in_for.iter().copied();
        let inherited = others.filter(|other| ask.heir(*other) == Some(node)).filter_map(draw);
        draw(node).into_iter().chain(inherited).min_by(f64::total_cmp)
    }
}
