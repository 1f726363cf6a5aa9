//! `random`: each usable node with a chance in proportion to its weight, whatever was chosen before.

use super::{Ask, Pick, Policy, draw};
use crate::node::NodeIndex;

/// Weighted random.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl Policy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        draw(ask.usable_nodes(), ask.random).map(Pick::of)
    }

    /// Random compares nothing.
    fn value(&self, _ask: &Ask<'_>, _node: NodeIndex) -> Option<f64> {
        None
    }
}
