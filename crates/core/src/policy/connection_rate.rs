//! `connection-rate`: the node with the lowest decayed rate of new connections per weight.

use super::least::{Key, Keyed};
use super::{Ask, Basis, Watch, Weighted, log2_weight};

/// Lowest rate of new connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionRate;

impl Keyed for ConnectionRate {
    const NAME: &'static str = "connection-rate";

    fn watch(&self) -> Watch {
        Watch::OPENED
    }

    /// Compares logarithms, which time does not change: no exponential per node.
    fn key(&self, _ask: &Ask<'_>, _basis: &Basis, one: Weighted<'_>) -> (Key, u64) {
        (Key::load(one.node.state.connection_score() - log2_weight(one.weight), one), 0)
    }

    /// New connections a second per weight, credited ones included.
    fn value(&self, ask: &Ask<'_>, _basis: &Basis, one: Weighted<'_>) -> f64 {
        let state = &one.node.state;
        state.connection_rate.per_second_of(state.connection_score(), ask.now) / f64::from(one.weight)
    }
}
