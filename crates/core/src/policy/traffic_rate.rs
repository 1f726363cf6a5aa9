//! `traffic-rate`: the node with the lowest decayed rate of bytes per weight.
//!
//! Workers report bytes now and then, and a session's bytes come after its choice: by the reports
//! alone, every new session of a moment would run to the same node. So a session opened a moment ago
//! (`NodeState::recent_sessions`, which forgets within seconds) counts as the bytes that a session of
//! its node brings on average: traffic rate over connection rate, which decay alike. Under steady load
//! that raises every node by the same factor, so it shifts no shares. A node without traffic yet
//! borrows the cluster's average.

use super::{Ask, Pick, Policy, Weighted, least, log2_weight};
use crate::cluster::Node;
use crate::moment::Moment;
use crate::node::NodeIndex;
use crate::rate::log2_of_sum;

/// Lowest rate of bytes.
#[derive(Clone, Copy, Debug)]
pub struct TrafficRate;

/// Bytes per session of the whole cluster, as a base-2 logarithm; of one byte while there was no
/// traffic, so that sessions are counted then.
fn usual_bytes(ask: &Ask<'_>) -> f64 {
    let (bytes, sessions) = ask.nodes.iter().fold((0.0, 0.0), |(bytes, sessions), node| {
        let state = &node.state;
        (bytes + state.traffic_rate.per_second(ask.now), sessions + state.connection_rate.per_second(ask.now))
    });
    let usual = (bytes / sessions).log2();
    if usual.is_finite() { usual } else { 0.0 }
}

/// The base-2 logarithm of the bytes in the node's window, those that are expected included.
fn expected_bytes(node: &Node, now: Moment, usual_bytes: impl FnOnce() -> f64) -> f64 {
    let state = &node.state;
    let reported = state.traffic_rate.log2_remaining(now);
    let recent_sessions = state.recent_sessions.log2_remaining(now);
    if recent_sessions < NEGLIGIBLE {
        return reported;
    }
    let bytes_per_session = if reported.is_finite() {
        reported - state.connection_rate.log2_remaining(now)
    } else {
        usual_bytes()
    };
    log2_of_sum(reported, recent_sessions + bytes_per_session)
}

/// Sessions too few to count, as a base-2 logarithm: what is left of one after seven windows.
const NEGLIGIBLE: f64 = -10.0;

impl TrafficRate {
    fn load(ask: &Ask<'_>) -> impl FnMut(Weighted<'_>) -> f64 {
        let ask = *ask;
        let mut usual = None;
        move |one| {
            let bytes = expected_bytes(one.node, ask.now, || *usual.get_or_insert_with(|| usual_bytes(&ask)));
            bytes - log2_weight(one.weight)
        }
    }
}

impl Policy for TrafficRate {
    fn name(&self) -> &'static str {
        "traffic-rate"
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        least(ask, TrafficRate::load(ask)).map(Pick::of)
    }

    /// Bytes in the window per weight, expected ones included.
    fn value(&self, ask: &Ask<'_>, node: NodeIndex) -> Option<f64> {
        let asked = ask.weighted(node)?;
        Some(TrafficRate::load(ask)(asked).exp2())
    }
}
