//! `traffic-rate`: the node with the lowest decayed rate of bytes per weight.
//!
//! Workers report bytes now and then, and a session's bytes come after its choice: by the reports
//! alone, every new session of a moment would run to the same node. So a session opened a moment ago
//! (`NodeState::recent_sessions`, which forgets within seconds) counts as the bytes that a session of
//! its node brings on average: traffic rate over connection rate, which decay alike. Under steady load
//! that raises every node by the same factor, so it shifts no shares. A node without traffic yet
//! borrows the cluster's average. Seconds forget faster than windows, so the two are compared as they
//! stood when the present round of 20 ms began: that is one moment for all nodes.

use super::least::{Key, Keyed};
use super::{Ask, Basis, ROUND, Watch, Weighted, log2_weight, round};
use crate::moment::Moment;
use crate::node::NodeState;
use crate::rate::log2_of_sum;

/// Lowest rate of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrafficRate;

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
fn expected_bytes(state: &NodeState, now: Moment, usual_bytes: f64) -> f64 {
    let reported = state.traffic_rate.log2_remaining_of(state.traffic_score(), now);
    let recent_sessions = state.recent_sessions.log2_remaining(now);
    if recent_sessions < NEGLIGIBLE {
        return reported;
    }
    let sessions = state.connection_rate.log2_remaining_of(state.connection_score(), now);
    let bytes_per_session = if reported.is_finite() { reported - sessions } else { usual_bytes };
    log2_of_sum(reported, recent_sessions + bytes_per_session)
}

/// Sessions too few to count, as a base-2 logarithm: what is left of one after seven windows.
const NEGLIGIBLE: f64 = -10.0;

fn load(ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> f64 {
    expected_bytes(&one.node.state, round(ask.now), basis.numbers()[0]) - log2_weight(one.weight)
}

impl Keyed for TrafficRate {
    const NAME: &'static str = "traffic-rate";

    fn watch(&self) -> Watch {
        Watch::OPENED | Watch::TRAFFIC
    }

    fn expires(&self, ask: &Ask<'_>) -> Moment {
        round(ask.now).after(ROUND)
    }

    /// The usual bytes of a session, where a node needs to borrow them.
    fn basis(&self, ask: &Ask<'_>) -> Basis {
        let borrows = ask.nodes.iter().any(|node| !node.state.traffic_score().is_finite());
        Basis::of([if borrows { usual_bytes(ask) } else { 0.0 }, 0.0, 0.0])
    }

    fn key(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> (Key, u64) {
        (Key::load(load(ask, basis, one), one), 0)
    }

    /// Bytes in the window per weight, expected ones included.
    fn value(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> f64 {
        load(ask, basis, one).exp2()
    }
}
