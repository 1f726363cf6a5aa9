//! `least-sessions`: the node that would have the fewest sessions per weight with this one; of
//! equals the longest unchosen, so that an idle cluster is used evenly.

use super::least::{Key, Keyed};
use super::{Ask, Basis, Watch, Weighted};

/// Fewest sessions per weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeastSessions;

/// `(sessions + 1) / weight`.
pub(super) fn sessions_per_weight(one: Weighted<'_>) -> f64 {
    (f64::from(one.node.state.active()) + 1.0) / f64::from(one.weight)
}

impl Keyed for LeastSessions {
    const NAME: &'static str = "least-sessions";

    fn watch(&self) -> Watch {
        Watch::OPENED | Watch::CLOSED
    }

    fn key(&self, _ask: &Ask<'_>, _basis: &Basis, one: Weighted<'_>) -> (Key, u64) {
        (Key::load(sessions_per_weight(one), one), 0)
    }

    /// Sessions per weight, this one included.
    fn value(&self, _ask: &Ask<'_>, _basis: &Basis, one: Weighted<'_>) -> f64 {
        sessions_per_weight(one)
    }
}
