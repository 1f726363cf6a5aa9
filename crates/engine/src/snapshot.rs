//! Counts and states of everything, read without disturbing the workers.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use protobalance_core::cluster::Node;
use protobalance_core::moment::Moment;
use protobalance_core::node::{Health, NodeState};

use crate::decisions::millis;
use crate::plan::{Listener, Route};
use crate::registry::Registry;
use crate::report::{AffinityReport, ClusterReport, ListenerReport, NodeReport, Snapshot, WorkerReport};
use crate::worker::{Shared, WorkerCounts};

pub(crate) fn take(registry: &Registry, shared: &Shared, workers: &[&WorkerCounts]) -> Snapshot {
    let now = shared.clock.now();
    let listeners: Vec<ListenerReport> = registry.plan.listeners.iter().map(listener).collect();
    let active = shared.active.load(Relaxed);
    let opened: u64 = workers.iter().map(|worker| worker.opened.load(Relaxed)).sum();
    Snapshot {
        generation: registry.plan.generation,
        uptime_ms: shared.clock.uptime_ms(),
        active,
        opened,
        closed: opened.saturating_sub(active),
        max_sessions: shared.room.places(),
        log_written: shared.log.written(),
        log_dropped: shared.log.dropped(),
        workers: workers.iter().copied().map(worker).collect(),
        listeners,
        clusters: registry.plan.routes.iter().map(|route| cluster(registry, route, now)).collect(),
    }
}

fn worker(counts: &WorkerCounts) -> WorkerReport {
    WorkerReport {
        alive: counts.alive.load(Relaxed),
        active: counts.active.load(Relaxed),
        opened: counts.opened.load(Relaxed),
        buffered_bytes: counts.buffered.load(Relaxed),
        accepting: !counts.paused.load(Relaxed),
    }
}

fn listener(listener: &Arc<Listener>) -> ListenerReport {
    let closed = listener.counts.closed.load(Relaxed);
    let opened = listener.counts.opened.load(Relaxed);
    ListenerReport {
        name: listener.name.to_string(),
        addresses: listener.addresses.iter().map(ToString::to_string).collect(),
        cluster: listener.route.cluster.name.to_string(),
        server_names: listener
            .names
            .iter()
            .map(|named| (named.pattern.to_string(), named.target.cluster.name.to_string()))
            .collect(),
        active: opened.saturating_sub(closed),
        opened,
        closed,
        unserved: listener.counts.unserved.load(Relaxed),
        bad_prefaces: listener.counts.bad_prefaces.load(Relaxed),
        refused: listener.counts.refused.load(Relaxed),
        untracked: listener.counts.untracked.load(Relaxed),
    }
}

fn cluster(registry: &Registry, route: &Route, now: Moment) -> ClusterReport {
    let cluster = &route.cluster;
    let mut nodes: Vec<NodeReport> = (cluster.nodes.iter().zip(&route.addresses))
        .map(|(Node { state, weight, .. }, address)| node(state, address.to_string(), *weight, now))
        .collect();
    nodes.extend(registry.retired(&cluster.name).map(|state| {
        let report = node(state, String::new(), 0, now);
        NodeReport { removed: true, ..report }
    }));
    let affinity = route.affinity.as_ref().map(|store| AffinityReport {
        clients: store.table.len() as u64,
        capacity: store.capacity,
        persistent: store.path.is_some(),
    });
    ClusterReport {
        name: cluster.name.to_string(),
        policy: cluster.policy.name().to_owned(),
        affinity,
        nodes,
    }
}

fn node(state: &NodeState, address: String, weight: u16, now: Moment) -> NodeReport {
    let health = state.health(now);
    NodeReport {
        name: state.name().to_owned(),
        address,
        weight,
        admin_state: state.admin_state().word().to_owned(),
        health: if health == Health::Up { "up" } else { "down" }.to_owned(),
        retry_in_ms: match health {
            Health::Down { retry_at } => millis(retry_at.since(now)),
            Health::Up | Health::DueForTrial => 0,
        },
        active: u64::from(state.active()),
        opened: state.opened(),
        failed: state.failed(),
        bytes_to_node: state.bytes_to_node(),
        bytes_to_client: state.bytes_to_client(),
        connect_ms: state.connect_micros() as f64 / 1000.0,
        connection_rate: state.connection_rate.per_second(now),
        traffic_rate: state.traffic_rate.per_second(now),
        load_rating: state.rating().map(|rating| rating.value),
        removed: false,
    }
}
