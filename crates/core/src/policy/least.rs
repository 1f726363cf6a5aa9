//! Policies that choose the node with the least key: what they share.
//!
//! The law is [`scan`]: of all usable nodes the one with the least key, of equals the first. Where there
//! are many nodes a ranking answers instead, and agrees.

use std::fmt::Debug;

use super::ranking::{Judge, Membership, Ranked};
use super::{Ask, Basis, Pick, Policy, Watch, Weighted};
use crate::moment::Moment;
use crate::node::NodeIndex;

/// A policy that is told apart by its keys alone.
pub(super) trait Keyed: Send + Sync + Debug {
    /// The word used in files and logs.
    const NAME: &'static str;

    /// Whether a basis stays until the keys expire. If not, it is worked out at each choice, and with it
    /// no key of a node that did not change may become less.
    const BASIS_LASTS: bool = true;

    /// What keys rest on besides each node's own state.
    fn basis(&self, _ask: &Ask<'_>) -> Basis {
        Basis::default()
    }

    /// When keys change though no node did.
    fn expires(&self, _ask: &Ask<'_>) -> Moment {
        Moment::NEVER
    }

    /// Which changes of a node bear on its key.
    fn watch(&self) -> Watch;

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
pub(super) struct Key {
    rank: u64,
    tie: u64,
}

impl Key {
    /// More than any other: of a node that takes no part.
    pub(super) const NEVER: Key = Key { rank: u64::MAX, tie: u64::MAX };

    /// By a whole number.
    pub(super) fn exact(rank: u64) -> Key {
        Key { rank, tie: 0 }
    }

    /// By a load; of equals the longest unchosen.
    pub(super) fn load(load: f64, one: Weighted<'_>) -> Key {
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
pub(super) struct Least<K> {
    keyed: K,
    membership: Membership,
}

impl<K: Keyed> Least<K> {
    /// For the nodes of one plan; with so many of them or more, a ranking is kept.
    pub(super) fn new(keyed: K, ranked_from: usize) -> Least<K> {
        Least { keyed, membership: Membership::new(ranked_from) }
    }

    /// How often a winner that turns out to have another key may be put in its place before all nodes
    /// are asked: more often than changes come while one choice is made.
    const PATIENCE: usize = 64;

    fn by_ranking(&self, ask: &Ask<'_>) -> Option<Pick> {
        self.membership.ask(ask, self, |ranked| {
            let basis = if K::BASIS_LASTS { ranked.basis } else { self.keyed.basis(ask) };
            (0..Self::PATIENCE).find_map(|_| self.winner(ask, ranked, basis))
        })
    }

    /// The winner, unless it was put in its place instead.
    fn winner(&self, ask: &Ask<'_>, ranked: &mut Ranked, basis: Basis) -> Option<Pick> {
        let node = ranked.tournament.winner()?;
        if !ask.can_take(node, &ask.nodes[usize::from(node)]) {
            ranked.look_at(ask, self, node);
            return None;
        }
        let one = ranked.weighted(ask, node)?;
        let (key, seen) = self.keyed.key(&ranked.as_of(ask), &basis, one);
        if key != ranked.tournament.key(node) {
            ranked.tournament.set(node, key);
            return None;
        }
        Some(Pick { node, weight: one.weight, seen, basis })
    }
}

impl<K: Keyed> Judge for Least<K> {
    fn basis(&self, ask: &Ask<'_>) -> Basis {
        self.keyed.basis(ask)
    }

    fn expires(&self, ask: &Ask<'_>) -> Moment {
        self.keyed.expires(ask)
    }

    fn watch(&self) -> Watch {
        self.keyed.watch()
    }

    fn key(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> Key {
        self.keyed.key(ask, basis, one).0
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
        self.by_ranking(ask).or_else(|| scan(&self.keyed, ask, self.keyed.basis(ask)))
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
