//! `two-choices`: of two nodes drawn at random by weight, the one with fewer sessions per weight
//! (Mitzenmacher 2001). As even as looking at all of them, nearly, and without a herd: workers that
//! see the same counts do not all run to the same node.

use super::{Ask, Pick, Policy, draw, node_at};
use crate::cluster::Node;
use crate::hash;
use crate::node::NodeIndex;

/// Least loaded of two.
#[derive(Clone, Copy, Debug)]
pub struct TwoChoices;

/// Sessions the node has, in units that are whole for each weight: compared as `a/w_a < b/w_b`.
fn is_less_loaded(one: &Node, other: &Node) -> bool {
    let load = |node: &Node, over: &Node| u64::from(node.state.active()) * u64::from(over.weight);
    load(one, other) < load(other, one)
}

impl Policy for TwoChoices {
    fn name(&self) -> &'static str {
        "two-choices"
    }

    /// Of equals the first drawn, so that weights are kept where nothing is loaded.
    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        let first = draw(ask.usable_nodes(), ask.random)?;
        let others = ask.usable_nodes().filter(|(index, _)| *index != first);
        let second = draw(others, hash::mix(ask.random ^ 1)).unwrap_or(first);
        let second_wins = is_less_loaded(&ask.nodes[usize::from(second)], &ask.nodes[usize::from(first)]);
        Some(Pick::of(if second_wins { second } else { first }))
    }

    /// Sessions per weight.
    fn value(&self, ask: &Ask<'_>, node: NodeIndex) -> Option<f64> {
        let asked = node_at(ask, node)?;
        Some(f64::from(asked.state.active()) / f64::from(asked.weight))
    }
}
