//! The clusters of a plan in the making. Nothing here touches the registry: what is kept of it is found
//! by name, and a draft that is refused leaves no trace.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::affinity::{Affinity, OnFailover, whole_seconds};
use protobalance_core::cluster::{Cluster, Limits, Node, link};
use protobalance_core::node::{AdminState, NodeIndex, NodeState};
use protobalance_core::policy::{ClusterState, Settings, named};
use protobalance_core::wire::proxy_protocol::Version;

use super::{NodeKey, Registry};
use crate::affinity_file::{AffinityStore, Asked};
use crate::clock::unix_seconds;
use crate::connect::NodeAddress;
use crate::error::{EngineError, ErrorKind};
use crate::plan::Route;
use crate::sources::Sources;
use crate::spec::{AffinitySpec, ClusterSpec, PlanSpec};
use crate::tls::Outward;

/// The clusters of a plan in the making; touches nothing of the registry.
pub(super) struct Draft<'a> {
    pub(super) registry: &'a Registry,
    pub(super) spec: &'a PlanSpec,
    pub(super) nodes: HashMap<NodeKey, Arc<NodeState>>,
    pub(super) clusters: HashMap<String, Arc<ClusterState>>,
    pub(super) affinity: HashMap<String, Arc<AffinityStore>>,
    pub(super) warnings: Vec<String>,
}

impl Draft<'_> {
    pub(super) fn routes(&mut self) -> Result<Vec<Arc<Route>>, EngineError> {
        let before = self.registry.spec.as_ref();
        let spec = self.spec;
        spec.clusters.iter().map(|cluster| self.route(cluster, before)).collect()
    }

    fn route(&mut self, spec: &ClusterSpec, before: Option<&PlanSpec>) -> Result<Arc<Route>, EngineError> {
        let refused =
            |message: String| EngineError::new(ErrorKind::Plan, format!("clusters.{}", spec.name), message);
        if self.clusters.contains_key(&spec.name) {
            return Err(refused("this cluster is named twice".into()));
        }
        let state = self.registry.clusters.get(&spec.name).cloned().unwrap_or_default();
        self.clusters.insert(spec.name.clone(), Arc::clone(&state));
        let nodes = self.nodes(spec).map_err(refused)?;
        let store = spec.affinity.as_ref().map(|wanted| self.store(&spec.name, wanted)).transpose()?;
        // An unchanged cluster stays the same object, so that old sessions and new share it.
        let unchanged = before.and_then(|before| before.clusters.iter().position(|old| old == spec));
        if let Some(place) = unchanged {
            return Ok(Arc::clone(&self.registry.plan.routes[place]));
        }
        let names: Vec<&str> = spec.nodes.iter().map(|node| node.name.as_str()).collect();
        let settings = Settings {
            nodes: &names,
            hash_key: &spec.hash_key,
            load_expression: &spec.load_expression,
            rating_ttl: Duration::from_millis(spec.rating_ttl_ms),
        };
        let policy = named(&spec.policy, &settings).map_err(|error| refused(error.to_string()))?;
        let addresses: Result<Box<[NodeAddress]>, String> =
            spec.nodes.iter().map(|node| NodeAddress::parse(&node.address)).collect();
        let affinity = match (&spec.affinity, &store) {
            (Some(wanted), Some(store)) => Some(self.homes(wanted, store, &names).map_err(refused)?),
            _ => None,
        };
        let tls = spec.tls.as_ref().map(|tls| Outward::new(tls, &spec.nodes)).transpose();
        let tls = tls.map_err(|message| refused(format!("tls: {message}")))?;
        let limits = limits(spec);
        let cluster = Cluster { name: spec.name.as_str().into(), nodes, policy, affinity, limits, state };
        Ok(Arc::new(Route {
            cluster: Arc::new(cluster),
            addresses: addresses.map_err(refused)?,
            affinity: store,
            sources: Sources::new(spec).map_err(refused)?,
            ports: crate::ports::owned(spec),
            introduce: introduce(spec.send_proxy_protocol).map_err(refused)?,
            tls,
        }))
    }

    fn nodes(&mut self, spec: &ClusterSpec) -> Result<Box<[Node]>, String> {
        if spec.nodes.len() > usize::from(NodeIndex::MAX) - 1 {
            return Err(format!("{} nodes are more than a cluster holds", spec.nodes.len()));
        }
        let index_of = |name: &String| {
            let index = spec.nodes.iter().position(|node| node.name == *name);
            index
                .map(|index| index as NodeIndex)
                .ok_or_else(|| format!("there is no node {name:?} to fall back to"))
        };
        let mut nodes = Vec::with_capacity(spec.nodes.len());
        for node in &spec.nodes {
            let key = (spec.name.clone(), node.name.clone());
            let wanted = admin_state(&node.admin_state)?;
            let known = self.registry.nodes.get(&key).or_else(|| self.registry.retired.get(&key)).cloned();
            let state = known.unwrap_or_else(|| Arc::new(NodeState::new(&spec.name, &node.name, wanted)));
            if self.nodes.insert(key, Arc::clone(&state)).is_some() {
                return Err(format!("node {:?} is named twice", node.name));
            }
            if node.weight > 256 {
                return Err(format!("weight {} of node {:?} is more than 256", node.weight, node.name));
            }
            let fallbacks = node.fallbacks.iter().map(index_of).collect::<Result<_, _>>()?;
            let (weight, max_sessions) = (node.weight, node.max_sessions);
            let stands_in_for = Box::default();
            nodes.push(Node { state, admin_state: wanted, weight, fallbacks, stands_in_for, max_sessions });
        }
        link(&mut nodes);
        Ok(nodes.into())
    }

    /// The cluster's table: the one it has, if capacity and place are as before.
    fn store(&mut self, cluster: &str, wanted: &AffinitySpec) -> Result<Arc<AffinityStore>, EngineError> {
        let path = (!wanted.path.is_empty()).then(|| Path::new(&wanted.path));
        let known = self.registry.affinity.get(cluster).cloned();
        let store = match (known, path) {
            (Some(store), _) if store.capacity == wanted.capacity && store.path.as_deref() == path => store,
            (Some(store), _) if store.path.as_deref() == path => {
                let message = format!(
                    "capacity changes from {} to {} with a restart only",
                    store.capacity, wanted.capacity
                );
                return Err(EngineError::new(
                    ErrorKind::Plan,
                    format!("clusters.{cluster}.affinity"),
                    message,
                ));
            }
            (_, Some(path)) => Arc::new(AffinityStore::in_file(path, wanted.capacity)?),
            (_, None) => Arc::new(AffinityStore::in_memory(wanted.capacity).map_err(|error| {
                EngineError::new(ErrorKind::State, format!("clusters.{cluster}.affinity"), error.to_string())
            })?),
        };
        self.affinity.insert(cluster.to_owned(), Arc::clone(&store));
        Ok(store)
    }

    fn homes(
        &mut self,
        wanted: &AffinitySpec,
        store: &AffinityStore,
        nodes: &[&str],
    ) -> Result<Affinity, String> {
        let on_failover = match wanted.on_failover.as_str() {
            "return" => OnFailover::Return,
            "move" => OnFailover::Move,
            other => return Err(format!("affinity.on_failover is {other:?}, not \"return\" or \"move\"")),
        };
        let idle = Duration::from_millis(wanted.idle_ms);
        let asked = Asked { nodes, idle: whole_seconds(idle), unix_now: unix_seconds() };
        let (ids, unnamed) = store.ids(asked);
        if unnamed > 0 {
            self.warnings.push(format!(
                "affinity has no room for the names of {unnamed} nodes, {} among them: no client is remembered \
                 to be at home there",
                nodes.iter().zip(0..).find(|(_, nth)| ids.id_of(*nth).is_none()).map_or("", |(name, _)| name),
            ));
        }
        let (prefix_v4, prefix_v6) = (wanted.prefix_v4, wanted.prefix_v6);
        Ok(Affinity { table: Arc::clone(&store.table), idle, prefix_v4, prefix_v6, on_failover, ids })
    }
}

fn limits(spec: &ClusterSpec) -> Limits {
    Limits {
        connect_timeout: Duration::from_millis(spec.connect_timeout_ms),
        failover_timeout: Duration::from_millis(spec.failover_timeout_ms),
        retry_interval: Duration::from_millis(spec.retry_interval_ms),
        early_close_window: Duration::from_millis(spec.early_close_window_ms),
        first_contact_pause: Duration::from_millis(spec.first_contact_pause_ms),
        replay_unanswered: spec.replay_unanswered,
    }
}

fn introduce(version: Option<u8>) -> Result<Option<Version>, String> {
    match version {
        None => Ok(None),
        Some(1) => Ok(Some(Version::V1)),
        Some(2) => Ok(Some(Version::V2)),
        Some(other) => Err(format!("there is no version {other} of the PROXY protocol")),
    }
}

fn admin_state(word: &str) -> Result<AdminState, String> {
    [AdminState::Available, AdminState::Draining, AdminState::Offline]
        .into_iter()
        .find(|state| state.word() == word)
        .ok_or_else(|| format!("{word:?} is no admin state"))
}
