//! Policies that choose the node with the least key: what they share.
//!
//! The law is [`scan`]: of all usable nodes the one with the least key, of equals the first.

use std::fmt::Debug;

use super::{Ask, Basis, Pick, Policy, Weighted};
use crate::node::NodeIndex;

/// A policy that is told apart by its keys alone.
pub trait Keyed: Send + Sync + Debug {
    /// The word used in files and logs.
    const NAME: &'static str;

    /// What keys rest on besides each node's own state.
    fn basis(&self, _ask: &Ask<'_>) -> Basis {
        Basis::default()
    }

    /// The node's key, and what its commit is to find unchanged.
    fn key(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> (Key, u64);

    /// See [`Policy::commit`].
    fn commit(&self, _ask: &Ask<'_>, _pick: Pick) -> bool {
        true
    }

    /// See [`Policy::value`].
    fn value(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> f64;
}

/// What is compared: the least is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    rank: u64,
    tie: u64,
}

impl Key {
    /// By a whole number.
    #[must_use]
    pub fn exact(rank: u64) -> Key {
        Key { rank, tie: 0 }
    }

    /// By a load; of equals the longest unchosen.
    #[must_use]
    pub fn load(load: f64, one: Weighted<'_>) -> Key {
        // What cannot be compared loses to all that can. Zero has one sign.
        let load = if load.is_nan() { f64::INFINITY } else { load + 0.0 };
        let bits = load.to_bits();
        // Numbers in order are bits in order once the negative ones are turned over.
        let rank = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
        Key { rank, tie: one.node.state.last_chosen() }
    }
}

/// The policy that chooses by these keys.
#[derive(Debug)]
pub struct Least<K> {
    keyed: K,
}

impl<K: Keyed> Least<K> {
    /// For the nodes of one plan.
    #[must_use]
    pub fn new(keyed: K) -> Least<K> {
        Least { keyed }
    }
}

/// The law: asks every node.
fn scan<K: Keyed>(keyed: &K, ask: &Ask<'_>, basis: Basis) -> Option<Pick> {
    let mut least: Option<(Key, Pick)> = None;
    for one in ask.usable_nodes() {
        let (key, seen) = keyed.key(ask, &basis, one);
        if least.is_none_or(|(least, _)| key < least) {
            least = Some((key, Pick { node: one.index, weight: one.weight, seen, basis }));
        }
    }
    least.map(|(_, pick)| pick)
}

impl<K: Keyed> Policy for Least<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        scan(&self.keyed, ask, self.keyed.basis(ask))
    }

    fn commit(&self, ask: &Ask<'_>, pick: Pick) -> bool {
        self.keyed.commit(ask, pick)
    }

    fn basis(&self, ask: &Ask<'_>) -> Basis {
        self.keyed.basis(ask)
    }

    fn value(&self, ask: &Ask<'_>, basis: &Basis, node: NodeIndex) -> Option<f64> {
        ask.weighted(node).map(|one| self.keyed.value(ask, basis, one))
    }
}
