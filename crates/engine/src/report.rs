//! What crosses from the engine to the control plane, as JSON: counts, sessions, decisions, events.
//! The Python side decodes into `protobalance/control/report.py`; a contract test holds the two
//! together. Spans are in milliseconds, counts since the engine's start.

#![allow(missing_docs, reason = "the names are the documentation; docs/reference describes them")]

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts and states of everything at one moment.
#[derive(Debug, Serialize)]
pub struct Snapshot {
    pub generation: u64,
    pub uptime_ms: u64,
    pub active: u64,
    pub opened: u64,
    pub closed: u64,
    pub max_sessions: u64,
    pub log_written: u64,
    pub log_dropped: u64,
    pub workers: Vec<WorkerReport>,
    pub listeners: Vec<ListenerReport>,
    pub clusters: Vec<ClusterReport>,
}

/// One worker.
#[derive(Debug, Serialize)]
pub struct WorkerReport {
    pub alive: bool,
    pub active: u64,
    pub opened: u64,
    pub buffered_bytes: u64,
    pub accepting: bool,
}

/// One listener.
#[derive(Debug, Serialize)]
pub struct ListenerReport {
    pub name: String,
    /// The addresses really bound, chosen ports filled in.
    pub addresses: Vec<String>,
    pub cluster: String,
    /// Clusters by the server names that lead there.
    pub server_names: BTreeMap<String, String>,
    pub active: u64,
    pub opened: u64,
    pub closed: u64,
    /// Sessions that ended without any node having served them.
    pub unserved: u64,
    /// Sessions that ended before a node was chosen: what a client sends first (PROXY header, TLS handshake)
    /// was wrong, or did not come in time.
    pub bad_prefaces: u64,
    /// Connections of clients at their limits, closed at once.
    pub refused: u64,
    /// Sessions that were not counted for their clients: the table was full.
    pub untracked: u64,
}

/// The listening sockets of one address; the descriptors stay the engine's.
#[derive(Debug, Serialize)]
pub struct ListeningReport {
    pub listener: String,
    pub address: String,
    pub descriptors: Vec<i32>,
}

/// One cluster.
#[derive(Debug, Serialize)]
pub struct ClusterReport {
    pub name: String,
    pub policy: String,
    pub affinity: Option<AffinityReport>,
    pub nodes: Vec<NodeReport>,
}

/// One cluster's affinity.
#[derive(Debug, Serialize)]
pub struct AffinityReport {
    pub clients: u64,
    pub capacity: u64,
    /// Whether it is kept in a file and so survives a restart.
    pub persistent: bool,
}

/// One node. Nodes that left the plan while they still have sessions are listed as `removed`.
#[derive(Debug, Serialize)]
pub struct NodeReport {
    pub name: String,
    pub address: String,
    pub weight: u16,
    pub admin_state: String,
    /// `up` or `down`.
    pub health: String,
    /// Until the next trial, when down.
    pub retry_in_ms: u64,
    pub active: u64,
    pub opened: u64,
    pub failed: u64,
    pub bytes_to_node: u64,
    pub bytes_to_client: u64,
    pub connect_ms: f64,
    pub connection_rate: f64,
    pub traffic_rate: f64,
    pub load_rating: Option<f64>,
    pub removed: bool,
}

/// One session that is open.
#[derive(Debug, Serialize)]
pub struct SessionReport {
    pub client: String,
    /// Who sent the PROXY header that named the client; absent if nobody did.
    pub via: Option<String>,
    /// The name that its TLS ClientHello asks for; absent if none was read.
    pub server_name: Option<String>,
    pub listener: String,
    pub cluster: String,
    /// Empty while no node has been reached.
    pub node: String,
    /// `arriving`, `connecting`, `quiet`, `talking` or `closing`.
    pub phase: String,
    pub age_ms: u64,
    pub idle_ms: u64,
    pub bytes_to_node: u64,
    pub bytes_to_client: u64,
    pub attempts: u32,
}

/// Why a session went where it went, as recorded when it was decided.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionReport {
    /// How long ago; 0 for a hypothetical one.
    pub age_ms: u64,
    pub client: String,
    pub listener: String,
    pub cluster: String,
    pub policy: String,
    /// The node of the last attempt; empty if there was none to try.
    pub node: String,
    /// Every attempt in order; the last is the one that stands.
    pub attempts: Vec<AttemptReport>,
    /// What the policy compared at the first choice: the chosen first, then those after it in the plan, at
    /// most eight. Empty where affinity chose: the policy was not asked.
    pub candidates: Vec<CandidateReport>,
    /// Nodes of the cluster in all.
    pub nodes: u32,
    /// The name that the client's TLS ClientHello asked for; empty if none was read.
    pub server_name: String,
    /// Which of the listener's `server_names` that is; empty on its default route.
    pub server_pattern: String,
    /// The client's home by affinity; empty if it had none.
    pub home: String,
    /// Why its home could not take it; empty if it did, or if there was none.
    pub home_skipped: String,
}

/// One attempt of a decision.
#[derive(Clone, Debug, Serialize)]
pub struct AttemptReport {
    pub node: String,
    /// Why it was chosen: `affinity`, `policy`, `fallback`, `next` or `last-resort`.
    pub why: String,
    /// Why it failed (`refused`, `unreachable`, `timed-out`, `reset`, `closed-early`, …); empty if it did not.
    pub failure: String,
    pub after_ms: u64,
}

/// One candidate of a decision.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateReport {
    pub node: String,
    /// What the policy compared; absent where it compares nothing.
    pub value: Option<f64>,
    /// Why it could not be chosen (`draining`, `offline`, `down`, `full`, `weight-0`, `tried`); empty if it could.
    pub skipped: String,
}

/// Something the control plane should know. Clients never wait for it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A node failed and is left alone for a while.
    NodeDown { cluster: String, node: String, reason: String, retry_in_ms: u64 },
    /// A node that was down served a session or passed its check.
    NodeUp { cluster: String, node: String },
    /// A worker panicked: its sessions were reset, and it goes on with new ones, as do the others.
    WorkerLost { worker: u32, message: String },
    /// A limit is reached: new sessions wait (`sessions`, `listener-sessions`, `descriptors`), or records
    /// of ended ones are dropped (`session-log`).
    LimitReached { limit: String, message: String },
    /// The limit is no longer reached.
    LimitCleared { limit: String },
    /// A client is at a limit of its own (`max_sessions_per_client`, `new_sessions_per_second_per_client`);
    /// told once a minute at most, and of a few clients.
    ClientRefused { listener: String, client: String, limit: String },
    /// Something is worth a line in the operator's log.
    Warning { message: String },
}
