//! What crosses from the control plane to the engine: one plan, whole, as JSON. The control plane
//! has validated it for the operator; the engine still refuses what it cannot carry out.
//! Durations are in milliseconds, 0 meaning "none" where a limit may be absent; sizes in bytes.

#[cfg(test)]
pub(crate) mod one_node;
mod tls;

use std::collections::HashMap;

use std::collections::BTreeMap;

use protobalance_core::admission::Limits;
use protobalance_core::hash::{Key, keyed};
use serde::Deserialize;
pub use tls::{CertificateSpec, InwardSpec, OutwardSpec, PemSpec};

/// A plan: everything the engine is to do.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PlanSpec {
    /// The sockets clients connect to.
    pub listeners: Vec<ListenerSpec>,
    /// The sets of nodes they feed.
    pub clusters: Vec<ClusterSpec>,
    /// Where the record of each ended session goes.
    pub session_log: SessionLogSpec,
}

impl PlanSpec {
    /// Where the plan has a cluster's nodes, by name.
    pub(crate) fn addresses(&self, cluster: &str) -> HashMap<&str, &str> {
        let cluster = self.clusters.iter().filter(|known| known.name == cluster);
        let nodes = cluster.flat_map(|cluster| &cluster.nodes);
        nodes.map(|node| (node.name.as_str(), node.address.as_str())).collect()
    }
}

/// One listener.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ListenerSpec {
    /// Its name in the configuration.
    pub name: String,
    /// `address:port` or `address:first-last`, addresses numeric, IPv6 in brackets; port 0 lets the kernel choose.
    pub bind: Vec<String>,
    /// The cluster it feeds now, redirects included.
    pub cluster: String,
    /// Rewrite the replies of FTP servers.
    pub ftp: Option<FtpSpec>,
    /// A session on which neither side speaks for this long is ended.
    pub idle_timeout_ms: u64,
    /// A session on which nobody has spoken this long after it was opened is ended.
    pub first_byte_timeout_ms: u64,
    /// After one side has ended its direction, the other may stay silent this long.
    pub half_close_timeout_ms: u64,
    /// At most this many sessions at a time; 0 for no limit of its own.
    pub max_sessions: u32,
    /// Sessions at a time of one client; 0 for no limit.
    pub max_sessions_per_client: u32,
    /// New sessions a second of one client; 0 for no limit.
    pub new_sessions_per_second_per_client: u32,
    /// How many of them may come at once; 0 for a second's worth.
    pub new_session_burst_per_client: u32,
    /// New sessions a second of all clients; 0 for no limit.
    pub new_sessions_per_second: u32,
    /// Connections the kernel may hold before they are accepted.
    pub backlog: u32,
    /// Silence after which the kernel probes the peer.
    pub keepalive_ms: u64,
    /// Unacknowledged data or a closed window for this long ends the connection.
    pub user_timeout_ms: u64,
    /// What clients send before a node is chosen for them; absent where a node is chosen at once.
    pub preface: Option<PrefaceSpec>,
    /// The clusters of clients that ask for these names (`shop.example.org`, `*.example.org`) in their
    /// TLS ClientHello.
    #[serde(default)]
    pub server_names: BTreeMap<String, String>,
    /// TLS with its clients; it ends here.
    #[serde(default)]
    pub tls: Option<InwardSpec>,
}

/// What a listener reads before it chooses a node.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PrefaceSpec {
    /// How long all of it may take.
    pub timeout_ms: u64,
    /// `off`, `optional` or `required`.
    pub proxy_protocol: String,
    /// Prefixes (`10.0.0.0/8`) whose PROXY headers are believed.
    pub proxy_protocol_from: Vec<String>,
    /// Whether a TLS ClientHello comes then, whose name is to be read.
    pub client_hello: bool,
}

impl ListenerSpec {
    /// What it grants each client; `None` where that is everything.
    pub(crate) fn client_limits(&self) -> Option<Limits> {
        // Of the name, which no client chooses.
        let scope = keyed(&Key::default(), self.name.as_bytes());
        let (rate, burst) = (self.new_sessions_per_second_per_client, self.new_session_burst_per_client);
        Limits::new(scope, self.max_sessions_per_client, rate, burst)
    }
}

/// How a listener does FTP.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct FtpSpec {
    /// The ports at which clients' data connections are awaited.
    pub first_port: u16,
    /// The last of them.
    pub last_port: u16,
    /// What replies to PASV name; empty for the address that the client connected to.
    pub public_address: String,
    /// How long a data connection is awaited.
    pub data_timeout_ms: u64,
}

/// One cluster.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ClusterSpec {
    /// Its name in the configuration.
    pub name: String,
    /// The policy's word.
    pub policy: String,
    /// For `client-hash`: the key that all balancers with the same answer share.
    pub hash_key: String,
    /// For `minimum-load`: the native expression; empty if ratings are published from outside.
    pub load_expression: String,
    /// For `minimum-load`: a published rating older than this is ignored.
    pub rating_ttl_ms: u64,
    /// For the two rate policies: the time in which a rate falls to 1/e.
    pub rate_window_ms: u64,
    /// See `protobalance_core::cluster::Limits`.
    pub connect_timeout_ms: u64,
    /// For all attempts of a session together.
    pub failover_timeout_ms: u64,
    /// How long a failed node is left alone.
    pub retry_interval_ms: u64,
    /// How soon after connecting a close counts as the node's failure.
    pub early_close_window_ms: u64,
    /// How long a client's first bytes wait at a node that is not proven.
    pub first_contact_pause_ms: u64,
    /// Addresses of this machine that connections to the nodes come from; none for the kernel's choice.
    pub source_addresses: Vec<String>,
    /// Whether they come from the client's address.
    pub transparent: bool,
    /// Whether unanswered bytes may be written to another node.
    pub replay_unanswered: bool,
    /// The version of the PROXY header that its nodes are sent first; absent if none.
    pub send_proxy_protocol: Option<u8>,
    /// Same client, same node.
    pub affinity: Option<AffinitySpec>,
    /// TLS with the nodes; plain TCP without it.
    #[serde(default)]
    pub tls: Option<OutwardSpec>,
    /// The nodes, in order.
    pub nodes: Vec<NodeSpec>,
}

/// A cluster's affinity.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct AffinitySpec {
    /// A client unseen for this long is forgotten.
    pub idle_ms: u64,
    /// How many clients are remembered.
    pub capacity: u64,
    /// Leading bits of an IPv4 address that make a client.
    pub prefix_v4: u8,
    /// Leading bits of an IPv6 address that make a client.
    pub prefix_v6: u8,
    /// `return` or `move`.
    pub on_failover: String,
    /// The file that keeps it; empty to keep it in memory only.
    pub path: String,
}

/// One node.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name within the cluster.
    pub name: String,
    /// `address:port`, numeric; `unix:/path`; empty while its name does not resolve.
    pub address: String,
    /// Its share, 0 to 256.
    pub weight: u16,
    /// Names of the nodes that take over, in order.
    pub fallbacks: Vec<String>,
    /// `available`, `draining` or `offline`, overrides included.
    pub admin_state: String,
    /// At most this many sessions at a time; 0 for no limit.
    pub max_sessions: u32,
    /// First and last of the listeners' ports that are this node's alone.
    pub ports: Vec<(u16, u16)>,
    /// With TLS: the name or address that its certificate must be for.
    #[serde(default)]
    pub server_name: String,
}

/// Where session records go.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SessionLogSpec {
    /// `off`, `stderr`, or a file's path.
    pub target: String,
    /// `text` or `json`.
    pub format: String,
}
