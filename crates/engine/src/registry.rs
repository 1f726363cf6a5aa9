//! From a specification to a plan, all or nothing. Everything that may fail (parsing, binding,
//! opening files) happens before anything that sessions could notice; what outlives plans is found
//! here by name and carried over.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::affinity::{Affinity, OnFailover};
use protobalance_core::cluster::{Cluster, Limits, Node, link};
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeIndex, NodeState};
use protobalance_core::policy::{ClusterState, Settings, named};
use protobalance_core::server_names::ServerNames;
use protobalance_core::session::TimeLimits;
use protobalance_core::wire::proxy_protocol::Version;

use crate::affinity_file::AffinityStore;
use crate::bind::{Bound, addresses, overlap};
use crate::connect::NodeAddress;
use crate::error::{EngineError, ErrorKind};
use crate::ftp;
use crate::handed_over::Unclaimed;
use crate::plan::{Listener, ListenerCounts, Plan, Preface, Route};
use crate::ports::Ports;
use crate::report::ListeningReport;
use crate::sources::Sources;
use crate::spec::{AffinitySpec, ClusterSpec, ListenerSpec, PlanSpec};
use crate::tls::{Outward, inward};

type NodeKey = (String, String);
type Listeners = (Vec<Arc<Listener>>, Vec<(Arc<Bound>, Arc<Listener>)>);

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
        };
        let routes = draft.routes()?;
        let (nodes, clusters, affinity) = (draft.nodes, draft.clusters, draft.affinity);
        let (listeners, bound) = self.listeners(&spec, &routes)?;
        // Nothing fails from here on.
        for (listener, wanted) in listeners.iter().zip(&spec.listeners) {
            listener.counts.room.set_places(u64::from(wanted.max_sessions));
            listener.counts.pace.set_per_second(wanted.new_sessions_per_second);
            self.counts.insert(wanted.name.clone(), Arc::clone(&listener.counts));
        }
        for route in &routes {
            for node in &route.cluster.nodes {
                if node.admin_state == AdminState::Available {
                    node.state.set_admin_state(AdminState::Available);
                }
            }
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
        let left = std::mem::replace(&mut self.nodes, nodes);
        let current = &self.nodes;
        self.retired.extend(left.into_iter().filter(|(key, _)| !current.contains_key(key)));
        self.clusters = clusters;
        self.affinity = affinity;
        self.spec = Some(spec);
        let generation = self.plan.generation + 1;
        self.plan = Arc::new(Plan { generation, listeners, bound, routes });
        Ok(Arc::clone(&self.plan))
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

    fn listeners(&mut self, spec: &PlanSpec, routes: &[Arc<Route>]) -> Result<Listeners, EngineError> {
        let kept: HashMap<SocketAddr, Arc<Bound>> =
            self.plan.bound.iter().map(|(bound, _)| (bound.address, Arc::clone(bound))).collect();
        let mut chosen = self.chosen_ports();
        let mut used = HashSet::new();
        let (mut listeners, mut sockets) = (Vec::with_capacity(spec.listeners.len()), Vec::new());
        for wanted in &spec.listeners {
            let refused =
                |message| EngineError::new(ErrorKind::Plan, format!("listeners.{}", wanted.name), message);
            let Some(route) = routes.iter().find(|route| *route.cluster.name == *wanted.cluster) else {
                return Err(refused(format!("there is no cluster {:?}", wanted.cluster)));
            };
            let mut bound = Vec::new();
            for (nth, bind) in wanted.bind.iter().enumerate() {
                for address in addresses(bind).map_err(refused)? {
                    let known = match address.port() {
                        0 => chosen.remove(&(wanted.name.clone(), nth)),
                        _ => kept.get(&address).cloned(),
                    };
                    let socket = match known {
                        Some(socket) => socket,
                        None => Arc::new(self.bind(address, &used, wanted)?),
                    };
                    if !used.insert(socket.address) {
                        return Err(refused(format!("{} is bound twice", socket.address)));
                    }
                    bound.push(socket);
                }
            }
            let addresses = bound.iter().map(|bound| bound.address).collect();
            let last = self.plan.listeners.iter().find(|listener| *listener.name == *wanted.name);
            let ports = Ports::follow(route, last.map(|last| &**last), routes);
            let preface = wanted.preface.as_ref().map(Preface::compile).transpose().map_err(refused)?;
            let ftp = wanted.ftp.as_ref().map(ftp::Settings::new).transpose().map_err(refused)?;
            let listener = self.listener(wanted, Arc::clone(route), ports, addresses);
            let names = names(wanted, routes).map_err(refused)?;
            let tls = inward(wanted, self.spec.as_ref(), &self.plan).map_err(refused)?;
            let listener = Arc::new(Listener { preface, names, tls, ftp, ..listener });
            sockets.extend(bound.into_iter().map(|bound| (bound, Arc::clone(&listener))));
            listeners.push(listener);
        }
        for (bound, listener) in &sockets {
            if let Some(wanted) = spec.listeners.iter().find(|wanted| *wanted.name == *listener.name) {
                bound
                    .configure(wanted)
                    .map_err(|error| EngineError::bind(&wanted.name, bound.address, error))?;
            }
        }
        Ok((listeners, sockets))
    }

    /// The sockets whose port the kernel chose, by listener and place in its `bind`.
    fn chosen_ports(&self) -> HashMap<(String, usize), Arc<Bound>> {
        let mut chosen = HashMap::new();
        let Some(spec) = &self.spec else { return chosen };
        for (listener, wanted) in self.plan.listeners.iter().zip(&spec.listeners) {
            let mut place = 0;
            for (nth, bind) in wanted.bind.iter().enumerate() {
                let ports = addresses(bind).map_or(0, |addresses| addresses.len());
                let bound = listener.addresses.get(place).and_then(|address| socket_at(&self.plan, *address));
                if let (true, Some(bound)) = (bind.ends_with(":0"), bound) {
                    chosen.insert((wanted.name.clone(), nth), bound);
                }
                place += ports;
            }
        }
        chosen
    }

    /// `used`: what the plan in the making has bound so far.
    fn bind(
        &mut self,
        address: SocketAddr,
        used: &HashSet<SocketAddr>,
        wanted: &ListenerSpec,
    ) -> Result<Bound, EngineError> {
        let mut ours = self.plan.bound.iter().map(|(bound, _)| &bound.address).chain(used);
        match self.unclaimed.take(&wanted.name, address) {
            Some((bound, sockets)) => Bound::adopted(bound, sockets, self.workers, wanted),
            None if ours.any(|ours| overlap(*ours, address)) => Bound::beside(address, self.workers, wanted),
            None => Bound::new(address, self.workers, wanted),
        }
    }

    fn listener(
        &self,
        wanted: &ListenerSpec,
        route: Arc<Route>,
        ports: Ports,
        addresses: Vec<SocketAddr>,
    ) -> Listener {
        Listener {
            name: wanted.name.as_str().into(),
            route,
            ports,
            ftp: None,
            addresses,
            time_limits: TimeLimits {
                idle: Duration::from_millis(wanted.idle_timeout_ms),
                first_byte: Duration::from_millis(wanted.first_byte_timeout_ms),
                half_close: Duration::from_millis(wanted.half_close_timeout_ms),
            },
            keepalive_ms: wanted.keepalive_ms,
            user_timeout_ms: wanted.user_timeout_ms,
            client_limits: wanted.client_limits(),
            counts: self.counts.get(&wanted.name).cloned().unwrap_or_default(),
            preface: None,
            names: ServerNames::default(),
            tls: None,
        }
    }
}

/// The clusters of a plan in the making; touches nothing of the registry.
struct Draft<'a> {
    registry: &'a Registry,
    spec: &'a PlanSpec,
    nodes: HashMap<NodeKey, Arc<NodeState>>,
    clusters: HashMap<String, Arc<ClusterState>>,
    affinity: HashMap<String, Arc<AffinityStore>>,
}

impl Draft<'_> {
    fn routes(&mut self) -> Result<Vec<Arc<Route>>, EngineError> {
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
            (Some(wanted), Some(store)) => Some(affinity(wanted, store, &names).map_err(refused)?),
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
}

fn socket_at(plan: &Plan, address: SocketAddr) -> Option<Arc<Bound>> {
    plan.bound.iter().find(|(bound, _)| bound.address == address).map(|(bound, _)| Arc::clone(bound))
}

fn affinity(wanted: &AffinitySpec, store: &AffinityStore, names: &[&str]) -> Result<Affinity, String> {
    let on_failover = match wanted.on_failover.as_str() {
        "return" => OnFailover::Return,
        "move" => OnFailover::Move,
        other => return Err(format!("affinity.on_failover is {other:?}, not \"return\" or \"move\"")),
    };
    Ok(Affinity {
        table: Arc::clone(&store.table),
        idle: Duration::from_millis(wanted.idle_ms),
        prefix_v4: wanted.prefix_v4,
        prefix_v6: wanted.prefix_v6,
        on_failover,
        ids: names.iter().map(|name| store.id(name)).collect(),
    })
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

fn names(wanted: &ListenerSpec, routes: &[Arc<Route>]) -> Result<ServerNames<Arc<Route>>, String> {
    let mut names = ServerNames::default();
    for (name, cluster) in &wanted.server_names {
        let route = routes.iter().find(|route| *route.cluster.name == **cluster);
        let route = route.ok_or_else(|| format!("there is no cluster {cluster:?} for the name {name:?}"))?;
        names.insert(name, Arc::clone(route));
    }
    Ok(names)
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
