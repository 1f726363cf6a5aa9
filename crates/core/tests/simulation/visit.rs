//! One session and the truth about it, kept apart from what the session itself believes.

use std::sync::Arc;
use std::time::Duration;

use protobalance_core::cluster::Cluster;
use protobalance_core::failover::Why;
use protobalance_core::moment::Moment;
use protobalance_core::node::{NodeIndex, NodeState};
use protobalance_core::session::{Failure, Phase, Session, Side, TimeLimits};

use crate::peers::Client;

#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) id: u64,
    pub(crate) session: Session,
    pub(crate) client: Client,
    /// It belongs to its node, and to no other.
    pub(crate) pinned: bool,
    pub(crate) worker: usize,
    pub(crate) listener: usize,
    /// The plan it goes by, while it may still go elsewhere.
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) limits: TimeLimits,
    pub(crate) node: Arc<NodeState>,
    pub(crate) last: (NodeIndex, Why),
    pub(crate) failed: Vec<(Arc<NodeState>, Failure)>,
    /// It looks for a home at its next choice: it is new, or goes by another plan than before.
    pub(crate) afresh: bool,
    pub(crate) home: Option<NodeIndex>,
    pub(crate) came_with_home: Option<bool>,
    pub(crate) on_trial: bool,
    /// The client's bytes wait for the node to prove itself.
    pub(crate) careful: bool,
    pub(crate) connected: bool,
    pub(crate) spoke_to_node: bool,
    pub(crate) spoke_to_client: bool,
    /// What the node was sent can still be sent to another.
    pub(crate) replayable: bool,
    pub(crate) ended_sides: Vec<Side>,
    pub(crate) opened_at: Moment,
    pub(crate) attempt_at: Moment,
    pub(crate) active_at: Moment,
}

impl Visit {
    pub(crate) fn has_ended(&self, side: Side) -> bool {
        self.ended_sides.contains(&side)
    }

    /// Law 3: as long as no byte went either way that cannot be taken back, and nobody was told of an end.
    pub(crate) fn may_move_on(&self) -> bool {
        !self.pinned
            && !self.spoke_to_client
            && (!self.spoke_to_node || self.replayable)
            && self.ended_sides.is_empty()
    }

    /// No other node can be tried any more, whatever happens.
    pub(crate) fn is_sealed(&self) -> bool {
        self.spoke_to_client || (self.spoke_to_node && !self.replayable)
    }

    pub(crate) fn phase(&self) -> Phase {
        match (self.connected, self.is_sealed(), self.spoke_to_node) {
            (false, ..) => Phase::Connecting,
            (_, true, _) => Phase::Talking,
            (_, _, true) => Phase::Unanswered,
            _ => Phase::Quiet,
        }
    }

    pub(crate) fn tried(&self) -> Vec<NodeIndex> {
        self.failed.iter().filter_map(|(node, _)| self.cluster.index_of_state(node)).collect()
    }

    /// Whether the session's time for finding a node is up.
    pub(crate) fn is_out_of_time(&self, now: Moment) -> bool {
        let timeout = self.cluster.limits.failover_timeout;
        !timeout.is_zero() && now.since(self.opened_at) >= timeout
    }

    pub(crate) fn had_its_time(&self, now: Moment) -> bool {
        now >= self.attempt_at.after(self.cluster.limits.connect_timeout)
    }

    fn moment(from: Moment, span: Duration) -> Moment {
        if span.is_zero() { Moment::NEVER } else { from.after(span) }
    }

    pub(crate) fn first_byte_due(&self) -> Moment {
        let nobody_spoke = !self.spoke_to_node && !self.spoke_to_client;
        if nobody_spoke { Visit::moment(self.opened_at, self.limits.first_byte) } else { Moment::NEVER }
    }

    pub(crate) fn idle_due(&self) -> Moment {
        Visit::moment(self.active_at, self.limits.idle)
    }

    pub(crate) fn half_close_due(&self) -> Moment {
        let halved = !self.ended_sides.is_empty();
        if halved { Visit::moment(self.active_at, self.limits.half_close) } else { Moment::NEVER }
    }

    /// When a silent trial has passed.
    pub(crate) fn trial_due(&self) -> Moment {
        let silent = self.on_trial && !self.spoke_to_node && !self.spoke_to_client;
        let window = self.cluster.limits.early_close_window;
        if silent { self.attempt_at.after(window) } else { Moment::NEVER }
    }

    /// When a node that ends at once would have ended.
    pub(crate) fn pause_due(&self) -> Moment {
        let pause = self.cluster.limits.first_contact_pause;
        if self.careful { self.attempt_at.after(pause) } else { Moment::NEVER }
    }

    /// The earliest of the limits that hold now.
    pub(crate) fn due(&self) -> Moment {
        if !self.connected {
            let all = Visit::moment(self.opened_at, self.cluster.limits.failover_timeout);
            return Visit::moment(self.attempt_at, self.cluster.limits.connect_timeout).min(all);
        }
        let stay = self.trial_due().min(self.pause_due());
        self.first_byte_due().min(self.idle_due()).min(self.half_close_due()).min(stay)
    }
}
