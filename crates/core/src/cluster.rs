//! A set of interchangeable nodes as one plan sees it, and the limits of its sessions.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::affinity::Affinity;
use crate::moment::Moment;
use crate::node::{AdminState, Health, NodeIndex, NodeState};
use crate::policy::{Ask, ClusterState, Policy};

/// One node as one plan sees it.
#[derive(Debug)]
pub struct Node {
    /// The shared truth, alive across plans.
    pub state: Arc<NodeState>,
    /// What this plan wants of it. Beside the shared truth, so that a worker that still serves by one
    /// plan is not swayed by the next: the truth is raised before a plan is handed out, and lowered
    /// after every worker has it.
    pub admin_state: AdminState,
    /// Its share of the load while all can take clients; 0 takes them only as a fallback.
    /// What counts at a choice is [`Ask::weight`].
    pub weight: u16,
    /// Who takes over when it cannot, in order.
    pub fallbacks: Box<[NodeIndex]>,
    /// Who names it among their fallbacks: see [`link`], which alone writes it.
    pub stands_in_for: Box<[NodeIndex]>,
    /// At most this many sessions at a time; 0 for no limit.
    pub max_sessions: u32,
}

impl Node {
    /// What the operator wants of it, by this plan or by a later one that withdrew it.
    #[must_use]
    pub fn admin_state(&self) -> AdminState {
        match self.admin_state {
            AdminState::Available => self.state.admin_state(),
            withdrawn => withdrawn,
        }
    }

    /// Whether it takes one more client at `now`: available, up or due for a trial, and not full.
    #[must_use]
    pub fn takes_clients(&self, now: Moment) -> bool {
        self.admin_state() == AdminState::Available
            && !matches!(self.state.health(now), Health::Down { .. })
            && self.has_room()
    }

    /// Whether one more session fits under `max_sessions`.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.max_sessions == 0 || self.state.active() < self.max_sessions
    }
}

/// Tells each node whom it stands in for, so that a choice need not search for it. To be called once
/// the nodes of a cluster are complete.
pub fn link(nodes: &mut [Node]) {
    let mut stands_in_for: Vec<Vec<NodeIndex>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for fallback in &node.fallbacks {
            let of_fallback = &mut stands_in_for[usize::from(*fallback)];
            // Nobody stands in for itself, nor for anyone twice.
            if usize::from(*fallback) != index && of_fallback.last() != Some(&(index as NodeIndex)) {
                of_fallback.push(index as NodeIndex);
            }
        }
    }
    for (node, stands_in_for) in nodes.iter_mut().zip(stands_in_for) {
        node.stands_in_for = stands_in_for.into();
    }
}

/// Nodes join, or come back: each counts, to the policies that go by rates, as if it had had its share by
/// weight of what the others have. Where there are no others there is nothing to share.
pub fn welcome(nodes: &[Node], joining: &[NodeIndex], now: Moment) {
    let is_other = |(index, node): &(usize, &Node)| {
        node.weight > 0 && node.takes_clients(now) && !joining.contains(&(*index as NodeIndex))
    };
    let (mut weights, mut sessions, mut recent, mut bytes) = (0.0, 0.0, 0.0, 0.0);
    for (_, Node { state, weight, .. }) in nodes.iter().enumerate().filter(is_other) {
        weights += f64::from(*weight);
        sessions += state.connection_rate.log2_remaining_of(state.connection_score(), now).exp2();
        recent += state.recent_sessions.remaining(now);
        bytes += state.traffic_rate.log2_remaining_of(state.traffic_score(), now).exp2();
    }
    if weights > 0.0 {
        for node in joining.iter().filter_map(|index| nodes.get(usize::from(*index))) {
            let share = f64::from(node.weight) / weights;
            node.state.credit(sessions * share, recent * share, bytes * share, now);
        }
    }
}

/// How long a session's attempts may take, and what counts as a node's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For one attempt.
    pub connect_timeout: Duration,
    /// For all attempts of one session together.
    pub failover_timeout: Duration,
    /// How long a node that failed is left alone (law 4).
    pub retry_interval: Duration,
    /// How soon after connecting a node's close still counts as its failure (law 3).
    pub early_close_window: Duration,
    /// How long a client's first bytes wait at a node that is not proven (law 3).
    pub first_contact_pause: Duration,
    /// Whether bytes already written may be written again to another node while none was answered.
    pub replay_unanswered: bool,
}

/// A cluster as one plan sees it.
#[derive(Debug)]
pub struct Cluster {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Its nodes, in the configuration's order.
    pub nodes: Box<[Node]>,
    /// How the next node is chosen.
    pub policy: Box<dyn Policy>,
    /// Same client, same node, if configured.
    pub affinity: Option<Affinity>,
    /// The sessions' limits.
    pub limits: Limits,
    /// What the policy remembers; alive across plans.
    pub state: Arc<ClusterState>,
}

impl Cluster {
    /// The question that `client` puts to the policy.
    #[must_use]
    pub fn ask<'a>(&'a self, client: IpAddr, tried: &'a [NodeIndex], now: Moment, random: u64) -> Ask<'a> {
        Ask { nodes: &self.nodes, state: &self.state, tried, client, now, random }
    }

    /// Whether clients have the same homes here and there.
    #[must_use]
    pub fn shares_homes_with(&self, other: &Cluster) -> bool {
        match (&self.affinity, &other.affinity) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(&ours.table, &theirs.table),
            _ => false,
        }
    }

    /// The node's place in the list, if it is in this plan.
    #[must_use]
    pub fn index_of_state(&self, state: &Arc<NodeState>) -> Option<NodeIndex> {
        self.nodes.iter().position(|node| Arc::ptr_eq(&node.state, state)).map(|index| index as NodeIndex)
    }
}
