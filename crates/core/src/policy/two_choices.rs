//! `two-choices`: of two nodes drawn at random by weight, the one with fewer sessions per weight
//! (Mitzenmacher 2001). As even as looking at all of them, nearly, and without a herd: workers that
//! see the same counts do not all run to the same node.

use super::shares::{Share, draw, draw_another};
use super::{Ask, Basis, Pick, Policy};
use crate::hash;
use crate::node::NodeIndex;

/// Least loaded of two.
#[derive(Clone, Copy, Debug)]
pub struct TwoChoices;

/// Compared in units that are whole for each weight: `a/w_a < b/w_b`.
fn is_less_loaded(ask: &Ask<'_>, one: Share, other: Share) -> bool {
    let load = |one: Share, over: Share| {
        u64::from(ask.nodes[usize::from(one.node)].state.active()) * u64::from(over.weight)
    };
    load(one, other) < load(other, one)
}

impl Policy for TwoChoices {
    fn name(&self) -> &'static str {
        "two-choices"
    }

    /// Of equals the first drawn, so that weights are kept where nothing is loaded.
    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        let first = draw(ask, ask.random)?;
        let second = draw_another(ask, first, hash::mix(ask.random ^ 1));
        let less_loaded = second.filter(|second| is_less_loaded(ask, *second, first));
        Some(less_loaded.unwrap_or(first).pick())
    }

    /// Sessions per weight.
    fn value(&self, ask: &Ask<'_>, _basis: &Basis, node: NodeIndex) -> Option<f64> {
        let asked = ask.weighted(node)?;
        Some(f64::from(asked.node.state.active()) / f64::from(asked.weight))
    }
}
