//! Policies that draw: the nodes lie side by side, each as wide as its weight, and a random point falls
//! on one of them.

use std::fmt::Debug;

use super::ranking::{Judge, Membership};
use super::{Ask, Basis, Pick, Policy, Weighted};
use crate::hash;
use crate::node::NodeIndex;

/// The nodes side by side, in the cluster's order.
pub(super) trait Shares {
    /// How wide all are together.
    fn total(&self) -> u64;

    /// Who lies at `point`, how wide it is, and where it begins. `None` beyond the end.
    fn at(&self, point: u64) -> Option<Share>;
}

/// One node's place beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) node: NodeIndex,
    pub(super) weight: u16,
    pub(super) begin: u64,
}

/// One node, with a chance in proportion to its weight.
pub(super) fn draw(shares: &impl Shares, random: u64) -> Option<Share> {
    shares.at(hash::below(random, shares.total()))
}

/// One of the nodes but `first`, with a chance in proportion to its weight.
pub(super) fn draw_another(shares: &impl Shares, first: Share, random: u64) -> Option<Share> {
    let width = u64::from(first.weight);
    let point = hash::below(random, shares.total().saturating_sub(width));
    let point = if point < first.begin { point } else { point + width };
    shares.at(point).filter(|other| other.node != first.node)
}

/// A policy that draws.
pub(super) trait Drawing: Send + Sync + Debug {
    /// The word used in files and logs.
    const NAME: &'static str;

    /// One of the shares, by the question's random bits.
    fn draw(&self, ask: &Ask<'_>, shares: &impl Shares) -> Option<Share>;

    /// See [`Policy::value`].
    fn value(&self, one: Weighted<'_>) -> Option<f64>;
}

/// The policy that draws so.
#[derive(Debug)]
pub(super) struct Drawn<D> {
    drawing: D,
    membership: Membership,
}

impl<D: Drawing> Drawn<D> {
    /// For the nodes of one plan; with so many of them or more, their sums are kept.
    pub(super) fn new(drawing: D, ranked_from: usize) -> Drawn<D> {
        Drawn { drawing, membership: Membership::new(ranked_from) }
    }

    fn by_ranking(&self, ask: &Ask<'_>) -> Option<Share> {
        self.membership.ask(ask, self, |ranked| {
            let can_take = |node: NodeIndex| ask.can_take(node, &ask.nodes[usize::from(node)]);
            self.drawing.draw(ask, &ranked.sums).filter(|share| can_take(share.node))
        })
    }
}

impl<D> Judge for Drawn<D> {}

impl<D: Drawing> Policy for Drawn<D> {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        let share = self.by_ranking(ask).or_else(|| self.drawing.draw(ask, ask))?;
        Some(Pick::of(share.node, share.weight))
    }

    fn value(&self, ask: &Ask<'_>, _basis: &Basis, node: NodeIndex) -> Option<f64> {
        ask.weighted(node).and_then(|one| self.drawing.value(one))
    }
}

/// Asks every node, each time.
impl Shares for Ask<'_> {
    fn total(&self) -> u64 {
        self.usable_nodes().map(|Weighted { weight, .. }| u64::from(weight)).sum()
    }

    fn at(&self, point: u64) -> Option<Share> {
        let mut begin = 0;
        for Weighted { index, weight, .. } in self.usable_nodes() {
            if point - begin < u64::from(weight) {
                return Some(Share { node: index, weight, begin });
            }
            begin += u64::from(weight);
        }
        None
    }
}
