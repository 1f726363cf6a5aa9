//! `connection-rate`: the node with the lowest decayed rate of new connections per weight.

use super::{Ask, Pick, Policy, least, log2_weight};
use crate::node::NodeIndex;

/// Lowest rate of new connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionRate;

impl Policy for ConnectionRate {
    fn name(&self) -> &'static str {
        "connection-rate"
    }

    /// Compares logarithms, which time does not change: no exponential per node.
    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        least(ask, |one| one.node.state.connection_rate.score() - log2_weight(one.weight)).map(Pick::of)
    }

    /// New connections a second per weight.
    fn value(&self, ask: &Ask<'_>, node: NodeIndex) -> Option<f64> {
        let asked = ask.weighted(node)?;
        Some(asked.node.state.connection_rate.per_second(ask.now) / f64::from(asked.weight))
    }
}
