//! `two-choices`: of two nodes drawn at random by weight, the one with fewer sessions per weight
//! (Mitzenmacher 2001). As even as looking at all of them, nearly, and without a herd: workers that
//! see the same counts do not all run to the same node.

use super::shares::{Drawing, Share, Shares, draw, draw_another};
use super::{Ask, Weighted};
use crate::hash;

/// Least loaded of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct TwoChoices;

/// Compared in units that are whole for each weight: `a/w_a < b/w_b`.
fn is_less_loaded(ask: &Ask<'_>, one: Share, other: Share) -> bool {
    let load = |one: Share, over: Share| {
        u64::from(ask.nodes[usize::from(one.node)].state.active()) * u64::from(over.weight)
    };
    load(one, other) < load(other, one)
}

impl Drawing for TwoChoices {
    const NAME: &'static str = "two-choices";

    /// Of equals the first drawn, so that weights are kept where nothing is loaded.
    fn draw(&self, ask: &Ask<'_>, shares: &impl Shares) -> Option<Share> {
        let first = draw(shares, ask.random)?;
        let second = draw_another(shares, first, hash::mix(ask.random ^ 1));
        second.filter(|second| is_less_loaded(ask, *second, first)).or(Some(first))
    }

    /// Sessions per weight.
    fn value(&self, one: Weighted<'_>) -> Option<f64> {
        Some(f64::from(one.node.state.active()) / f64::from(one.weight))
    }
}
