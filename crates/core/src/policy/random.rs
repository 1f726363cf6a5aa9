//! `random`: each usable node with a chance in proportion to its weight, whatever was chosen before.

use super::shares::draw;
use super::{Ask, Basis, Pick, Policy};
use crate::node::NodeIndex;

/// Weighted random.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl Policy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        draw(ask, ask.random).map(|share| share.pick())
    }

    /// Random compares nothing.
    fn value(&self, _ask: &Ask<'_>, _basis: &Basis, _node: NodeIndex) -> Option<f64> {
        None
    }
}
