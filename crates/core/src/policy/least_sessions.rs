//! `least-sessions`: the node that would have the fewest sessions per weight with this one; of
//! equals the longest unchosen, so that an idle cluster is used evenly.

use super::{Ask, Pick, Policy, Weighted, least};
use crate::node::NodeIndex;

/// Fewest sessions per weight.
#[derive(Clone, Copy, Debug)]
pub struct LeastSessions;

/// `(sessions + 1) / weight`.
pub(super) fn sessions_per_weight(one: Weighted<'_>) -> f64 {
    (f64::from(one.node.state.active()) + 1.0) / f64::from(one.weight)
}

impl Policy for LeastSessions {
    fn name(&self) -> &'static str {
        "least-sessions"
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        least(ask, sessions_per_weight).map(Pick::of)
    }

    /// Sessions per weight, this one included.
    fn value(&self, ask: &Ask<'_>, node: NodeIndex) -> Option<f64> {
        ask.weighted(node).map(sessions_per_weight)
    }
}
