//! Shares laid side by side, kept: a tree of partial sums (Fenwick 1994), so that a weight that changes
//! and the question who lies at a point cost log2 of the nodes.

use super::shares::{Share, Shares};
use crate::node::NodeIndex;

/// Partial sums of the nodes' weights.
#[derive(Debug, Default)]
pub(super) struct Sums {
    weights: Vec<u16>,
    /// At `n`, counted from 1: the sum of as many weights up to the n-th as the lowest bit of `n` says.
    sums: Vec<u64>,
}

impl Sums {
    /// Begins anew with these weights.
    pub(super) fn reset(&mut self, weights: impl Iterator<Item = u16>) {
        self.weights.clear();
        self.weights.extend(weights);
        self.sums.clear();
        self.sums.push(0);
        self.sums.extend(self.weights.iter().map(|weight| u64::from(*weight)));
        for place in 1..self.sums.len() {
            let above = place + (place & place.wrapping_neg());
            if above < self.sums.len() {
                self.sums[above] += self.sums[place];
            }
        }
    }

    pub(super) fn set(&mut self, node: NodeIndex, weight: u16) {
        let before = std::mem::replace(&mut self.weights[usize::from(node)], weight);
        let mut place = usize::from(node) + 1;
        while before != weight && place < self.sums.len() {
            self.sums[place] = self.sums[place] + u64::from(weight) - u64::from(before);
            place += place & place.wrapping_neg();
        }
    }
}

impl Shares for Sums {
    fn total(&self) -> u64 {
        let (mut total, mut place) = (0, self.weights.len());
        while place > 0 {
            total += self.sums[place];
            place &= place - 1;
        }
        total
    }

    fn at(&self, point: u64) -> Option<Share> {
        let (mut place, mut begin) = (0, 0);
        let mut step = self.sums.len().next_power_of_two();
        while step > 0 {
            if let Some(sum) = self.sums.get(place + step).filter(|sum| begin + **sum <= point) {
                (place, begin) = (place + step, begin + sum);
            }
            step /= 2;
        }
        let weight = *self.weights.get(place)?;
        Some(Share { node: place as NodeIndex, weight, begin })
    }
}
