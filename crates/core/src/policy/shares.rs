//! Policies that draw: the nodes lie side by side, each as wide as its weight, and a random point falls
//! on one of them.

use super::{Ask, Pick, Weighted};
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

impl Share {
    pub(super) fn pick(self) -> Pick {
        Pick::of(self.node, self.weight)
    }
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
