//! A plan compiled for the workers: immutable, shared, replaced as a whole. What must outlive plans
//! (sockets, node states, affinity tables) is carried over by `Registry` in `registry.rs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use protobalance_core::admission::Limits;
use protobalance_core::cluster::Cluster;
use protobalance_core::node::NodeIndex;
use protobalance_core::pace::Pace;
use protobalance_core::prefix::Prefix;
use protobalance_core::server_names::ServerNames;
use protobalance_core::session::TimeLimits;
use protobalance_core::wire::proxy_protocol::Version;

use crate::affinity_file::AffinityStore;
use crate::bind::Bound;
use crate::connect::NodeAddress;
use crate::ftp;
use crate::limits::Room;
use crate::ports::Ports;
use crate::sources::Sources;
use crate::spec::PrefaceSpec;
use crate::tls::{Inward, Outward};

/// What the workers carry out.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) generation: u64,
    pub(crate) listeners: Vec<Arc<Listener>>,
    /// The listeners' sockets. Apart from the listeners, which sessions and records keep alive for
    /// longer than their sockets may live.
    pub(crate) bound: Vec<(Arc<Bound>, Arc<Listener>)>,
    pub(crate) routes: Vec<Arc<Route>>,
}

impl Plan {
    /// A plan that asks for nothing.
    pub(crate) fn empty() -> Plan {
        Plan { generation: 0, listeners: vec![], bound: vec![], routes: vec![] }
    }

    /// The way to a cluster.
    pub(crate) fn route(&self, cluster: &str) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| *route.cluster.name == *cluster)
    }

    /// How many sockets it listens on.
    pub(crate) fn sockets(&self) -> u64 {
        self.bound.iter().map(|(bound, _)| bound.sockets().count() as u64).sum()
    }

    pub(crate) fn listener(&self, name: &str) -> Option<&Arc<Listener>> {
        self.listeners.iter().find(|listener| *listener.name == *name)
    }
}

/// A cluster and where its nodes are.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) cluster: Arc<Cluster>,
    /// By node index.
    pub(crate) addresses: Box<[NodeAddress]>,
    pub(crate) affinity: Option<Arc<AffinityStore>>,
    /// Where connections to its nodes come from.
    pub(crate) sources: Sources,
    /// Whose ports they are: first, last, and the node.
    pub(crate) ports: Box<[(u16, u16, NodeIndex)]>,
    /// The PROXY header that nodes are sent first.
    pub(crate) introduce: Option<Version>,
    /// How TLS is spoken with its nodes, if it is.
    pub(crate) tls: Option<Outward>,
}

/// One listener under one plan.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: Box<str>,
    pub(crate) route: Arc<Route>,
    /// Where clients go that ask for these names in their ClientHello.
    pub(crate) names: ServerNames<Arc<Route>>,
    pub(crate) ports: Ports,
    pub(crate) ftp: Option<ftp::Settings>,
    /// As bound: ports that the kernel chose are filled in.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) time_limits: TimeLimits,
    pub(crate) keepalive_ms: u64,
    pub(crate) user_timeout_ms: u64,
    /// What it grants each client, if that is not everything.
    pub(crate) client_limits: Option<Limits>,
    pub(crate) counts: Arc<ListenerCounts>,
    /// What is read before a node is chosen; `None` where one is chosen at once.
    pub(crate) preface: Option<Preface>,
    /// How TLS is spoken with its clients, if it ends here.
    pub(crate) tls: Option<Arc<Inward>>,
}

/// What a listener's clients send first.
#[derive(Debug)]
pub(crate) struct Preface {
    /// How long all of it may take.
    pub(crate) timeout: Duration,
    pub(crate) proxy_protocol: ProxyProtocol,
    /// Whose PROXY headers are believed.
    pub(crate) proxy_protocol_from: Vec<Prefix>,
    /// Whether a TLS ClientHello comes then.
    pub(crate) client_hello: bool,
}

/// Whether connections begin with a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyProtocol {
    Off,
    Optional,
    Required,
}

impl Preface {
    pub(crate) fn compile(wanted: &PrefaceSpec) -> Result<Preface, String> {
        let proxy_protocol = match wanted.proxy_protocol.as_str() {
            "off" => ProxyProtocol::Off,
            "optional" => ProxyProtocol::Optional,
            "required" => ProxyProtocol::Required,
            other => return Err(format!("proxy_protocol is {other:?}, not off, optional or required")),
        };
        let trusted: Result<_, String> = wanted.proxy_protocol_from.iter().map(|text| text.parse()).collect();
        let timeout = Duration::from_millis(wanted.timeout_ms);
        let client_hello = wanted.client_hello;
        Ok(Preface { timeout, proxy_protocol, proxy_protocol_from: trusted?, client_hello })
    }
}

/// A listener's counts; alive across plans.
#[derive(Debug, Default)]
pub(crate) struct ListenerCounts {
    /// Its `max_sessions`.
    pub(crate) room: Room,
    pub(crate) opened: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) unserved: AtomicU64,
    pub(crate) bad_prefaces: AtomicU64,
    /// Whether it was told that control connections of FTP are encrypted.
    pub(crate) told_secured: AtomicBool,
    /// Its `new_sessions_per_second`.
    pub(crate) pace: Pace,
    /// Clients turned away at their limits.
    pub(crate) refused: AtomicU64,
    /// Sessions let in that no room was left to count for their clients.
    pub(crate) untracked: AtomicU64,
}
