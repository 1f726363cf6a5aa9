//! From a specification to a plan, all or nothing. Everything that may fail (parsing, binding,
//! opening files) happens before anything that sessions could notice; what outlives plans is found
//! here by name and carried over.

mod clusters;
mod listeners;

use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::cluster::{Cluster, welcome};
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeState};
use protobalance_core::policy::ClusterState;

use self::clusters::Draft;
use crate::affinity_file::AffinityStore;
use crate::bind::Bound;
use crate::error::EngineError;
use crate::handed_over::Unclaimed;
use crate::plan::{Listener, ListenerCounts, Plan};
use crate::report::ListeningReport;
use crate::spec::PlanSpec;

type NodeKey = (String, String);

/// What outlives plans, and the plan in force.
#[derive(Debug)]
pub(crate) struct Registry {
    workers: usize,
    unclaimed: Unclaimed,
    nodes: HashMap<NodeKey, Arc<NodeState>>,
    /// Nodes that left while they had sessions.
    retired: HashMap<NodeKey, Arc<NodeState>>,
    clusters: HashMap<String, Arc<ClusterState>>,
    counts: HashMap<String, Arc<ListenerCounts>>,
    affinity: HashMap<String, Arc<AffinityStore>>,
    spec: Option<PlanSpec>,
    warnings: Vec<String>,
    pub(crate) plan: Arc<Plan>,
}

impl Registry {
    pub(crate) fn new(workers: usize, unclaimed: Unclaimed) -> Registry {
        Registry {
            workers,
            unclaimed,
            nodes: HashMap::new(),
            retired: HashMap::new(),
            clusters: HashMap::new(),
            counts: HashMap::new(),
            affinity: HashMap::new(),
            spec: None,
            warnings: Vec::new(),
            plan: Arc::new(Plan::empty()),
        }
    }

    pub(crate) fn node(&self, cluster: &str, node: &str) -> Option<&Arc<NodeState>> {
        self.nodes.get(&(cluster.to_owned(), node.to_owned()))
    }

    /// Nodes of the cluster that left the plan and still have sessions.
    pub(crate) fn retired<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = &'a Arc<NodeState>> {
        self.retired.values().filter(move |node| node.cluster() == cluster && node.active() > 0)
    }

    /// Compiles a specification and makes it the plan in force. On an error nothing has changed.
    pub(crate) fn adopt(&mut self, spec: PlanSpec, now: Moment) -> Result<Arc<Plan>, EngineError> {
        let mut draft = Draft {
            registry: self,
            spec: &spec,
            nodes: HashMap::new(),
            clusters: HashMap::new(),
            affinity: HashMap::new(),
            warnings: Vec::new(),
        };
        let routes = draft.routes()?;
        let Draft { nodes, clusters, affinity, warnings, .. } = draft;
        let (listeners, bound) = self.listeners(&spec, &routes)?;
        // Nothing fails from here on.
        self.warnings.extend(warnings);
        for (listener, wanted) in listeners.iter().zip(&spec.listeners) {
            listener.counts.room.set_places(u64::from(wanted.max_sessions));
            listener.counts.pace.set_per_second(wanted.new_sessions_per_second);
            self.counts.insert(wanted.name.clone(), Arc::clone(&listener.counts));
        }
        for cluster in &spec.clusters {
            let before = self.spec.as_ref().map(|before| before.addresses(&cluster.name)).unwrap_or_default();
            for node in &cluster.nodes {
                let state = &nodes[&(cluster.name.clone(), node.name.clone())];
                state.set_rate_window(Duration::from_millis(cluster.rate_window_ms), now);
                if before.get(node.name.as_str()).is_some_and(|before| *before != node.address) {
                    state.moved();
                }
            }
        }
        routes.iter().for_each(|route| self.raise(&route.cluster, now));
        let left = std::mem::replace(&mut self.nodes, nodes);
        let current = &self.nodes;
        self.retired.extend(left.into_iter().filter(|(key, _)| !current.contains_key(key)));
        let left = std::mem::replace(&mut self.clusters, clusters);
        for (name, state) in left {
            // A node that comes back must find the clock by which its turns were counted.
            if self.retired.keys().any(|(cluster, _)| *cluster == name) {
                self.clusters.entry(name).or_insert(state);
            }
        }
        self.affinity = affinity;
        self.spec = Some(spec);
        let generation = self.plan.generation + 1;
        self.plan = Arc::new(Plan { generation, listeners, bound, routes });
        Ok(Arc::clone(&self.plan))
    }

    /// Makes nodes available that the plan wants so, and welcomes those that were not.
    fn raise(&self, cluster: &Cluster, now: Moment) {
        let mut joining = Vec::new();
        for (index, node) in
            (0..).zip(&cluster.nodes).filter(|(_, node)| node.admin_state == AdminState::Available)
        {
            let known = self.node(&cluster.name, node.state.name()).is_some();
            if !known || node.state.admin_state() != AdminState::Available {
                joining.push(index);
            }
            node.state.set_admin_state(AdminState::Available);
        }
        if !joining.is_empty() {
            welcome(&cluster.nodes, &joining, now);
        }
    }

    /// Withdraws the nodes that the plan in force wants no clients for, once every worker serves by
    /// it: earlier, a worker with the plan before could find no node at all. True if there are any,
    /// so that their sessions must be looked at.
    pub(crate) fn withdraw(&mut self) -> bool {
        let mut withdrawn = false;
        let mut lower = |state: &NodeState, to: AdminState| {
            withdrawn |= state.admin_state() != to;
            state.set_admin_state(to);
        };
        for route in &self.plan.routes {
            for node in route.cluster.nodes.iter().filter(|node| node.admin_state != AdminState::Available) {
                lower(&node.state, node.admin_state);
            }
        }
        let current = &self.nodes;
        self.retired.retain(|key, _| !current.contains_key(key));
        for state in self.retired.values() {
            lower(state, AdminState::Draining);
        }
        self.retired.retain(|_, state| state.active() > 0);
        withdrawn
    }

    /// What the operator should know of the plans adopted since the last call.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Lets sockets handed over go that no listener binds; their addresses.
    pub(crate) fn disown_unused(&mut self) -> Vec<String> {
        self.unclaimed.close()
    }

    /// The sockets that the plan in force listens on.
    pub(crate) fn listening(&self) -> Vec<ListeningReport> {
        let of = |(bound, listener): &(Arc<Bound>, Arc<Listener>)| ListeningReport {
            listener: listener.name.to_string(),
            address: bound.address.to_string(),
            descriptors: bound.sockets().map(|socket| socket.as_raw_fd()).collect(),
        };
        self.plan.bound.iter().map(of).collect()
    }

    /// Lets the sockets go; what is known of the listeners stays.
    pub(crate) fn close(&mut self) {
        let Plan { generation, listeners, routes, .. } = &*self.plan;
        let (listeners, routes) = (listeners.clone(), routes.clone());
        self.plan = Arc::new(Plan { generation: *generation, listeners, bound: vec![], routes });
    }
}
