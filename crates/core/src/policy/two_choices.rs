//! `two-choices`: of two nodes drawn at random by weight, the one with fewer sessions per weight
//! (Mitzenmacher 2001). As even as looking at all of them, nearly, and without a herd: workers that
//! see the same counts do not all run to the same node.

use super::{Ask, Pick, Policy, Weighted, draw};
use crate::hash;
use crate::node::NodeIndex;

/// Least loaded of two.
#[derive(Clone, Copy, Debug)]
pub struct TwoChoices;

/// Sessions the node has, in units that are whole for each weight: compared as `a/w_a < b/w_b`.
fn is_less_loaded(one: Weighted<'_>, other: Weighted<'_>) -> bool {
    let load =
        |one: Weighted<'_>, over: Weighted<'_>| u64::from(one.node.state.active()) * u64::from(over.weight);
    load(one, other) < load(other, one)
}

impl Policy for TwoChoices {
    fn name(&self) -> &'static str {
        "two-choices"
    }

    /// Of equals the first drawn, so that weights are kept where nothing is loaded.
    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        let first = draw(ask.usable_nodes(), ask.random)?;
        let others = ask.usable_nodes().filter(|other| other.index != first.index);
        let second = draw(others, hash::mix(ask.random ^ 1)).unwrap_or(first);
        Some(Pick::of(if is_less_loaded(second, first) { second } else { first }))
    }

    /// Sessions per weight.
    fn value(&self, ask: &Ask<'_>, node: NodeIndex) -> Option<f64> {
        let asked = ask.weighted(node)?;
        Some(f64::from(asked.node.state.active()) / f64::from(asked.weight))
    }
}
