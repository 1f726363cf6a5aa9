//! What is said of a session and to it: events, actions, failures, reasons. Their words are those of
//! logs, answers and documents.

use std::sync::Arc;
use std::time::Duration;

use super::tls_fault::TlsFault;
use crate::failover::Why;
use crate::node::{NodeIndex, NodeState};

/// How an attempt at a node failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens there.
    Refused,
    /// No way leads there.
    Unreachable,
    /// No connection within `connect_timeout`.
    TimedOut,
    /// The connection was reset before any byte.
    Reset,
    /// The node closed before any byte, within `early_close_window`.
    ClosedEarly,
    /// The node ended without answering what it was sent (`replay_unanswered`).
    Unanswered,
    /// The TLS handshake with the node failed.
    Tls(TlsFault),
    /// The node's name does not resolve.
    Unresolved,
    /// We had no port, descriptor or memory left: not the node's fault.
    OurShortage,
    /// The operator withdrew the node meanwhile: nobody's fault.
    Withdrawn,
}

impl Failure {
    /// The word used in logs and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::Unreachable => "unreachable",
            Failure::TimedOut => "timed-out",
            Failure::Reset => "reset",
            Failure::ClosedEarly => "closed-early",
            Failure::Unanswered => "unanswered",
            Failure::Tls(fault) => fault.word(),
            Failure::Unresolved => "unresolved",
            Failure::OurShortage => "our-shortage",
            Failure::Withdrawn => "withdrawn",
        }
    }

    /// Whether the node is at fault, as far as can be told at once.
    #[must_use]
    pub fn blames_node(self) -> bool {
        !matches!(self, Failure::OurShortage | Failure::Withdrawn | Failure::Unanswered)
    }
}

/// One of the two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's connection.
    Client,
    /// The node's connection.
    Node,
}

/// Why a session ended. Every session has exactly one (law 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Both sides ended; the client was first.
    ClientClosed,
    /// Both sides ended; the node was first.
    NodeClosed,
    /// The client's connection was reset.
    ClientReset,
    /// The node's connection was reset.
    NodeReset,
    /// A peer's host fell silent: its kernel acknowledged nothing any more.
    PeerVanished,
    /// No node could take it.
    NoNode,
    /// `failover_timeout` passed before a node took it.
    FailoverTimeout,
    /// Nobody spoke for `idle_timeout`.
    IdleTimeout,
    /// Nobody spoke within `first_byte_timeout`.
    FirstByteTimeout,
    /// One side had ended, and the other was silent for `half_close_timeout`.
    HalfCloseTimeout,
    /// The operator took the node offline.
    NodeOffline,
    /// The balancer stopped.
    Stopped,
    /// What the client had to send before a node is chosen (a PROXY header, a TLS ClientHello) was
    /// not that, or came from one who may not send it.
    BadPreface,
    /// It did not come within `preface_timeout`.
    PrefaceTimeout,
    /// The client that a PROXY header named is at a limit of its own.
    ClientLimit,
}

impl CloseReason {
    /// The word used in logs and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            CloseReason::ClientClosed => "client-closed",
            CloseReason::NodeClosed => "node-closed",
            CloseReason::ClientReset => "client-reset",
            CloseReason::NodeReset => "node-reset",
            CloseReason::PeerVanished => "peer-vanished",
            CloseReason::NoNode => "no-node",
            CloseReason::FailoverTimeout => "failover-timeout",
            CloseReason::IdleTimeout => "idle-timeout",
            CloseReason::FirstByteTimeout => "first-byte-timeout",
            CloseReason::HalfCloseTimeout => "half-close-timeout",
            CloseReason::NodeOffline => "node-offline",
            CloseReason::Stopped => "stopped",
            CloseReason::BadPreface => "bad-preface",
            CloseReason::PrefaceTimeout => "preface-timeout",
            CloseReason::ClientLimit => "client-limit",
        }
    }
}

/// One attempt at a node, for the record.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The node.
    pub node: Arc<NodeState>,
    /// Why it was chosen.
    pub why: Why,
    /// How it failed; `None` for the one that stands.
    pub failure: Option<Failure>,
    /// How long after the session's start it ended (failed) or began (stands).
    pub after: Duration,
}

/// A change in a node's health that the session brought to light.
#[derive(Clone, Debug)]
pub enum News {
    /// It was up, and failed like this.
    Down(Arc<NodeState>, Failure),
    /// It was down, and serves again.
    Up(Arc<NodeState>),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The attempt's connection stands.
    Connected,
    /// The attempt failed before its connection stood.
    Failed(Failure),
    /// The node took the first bytes from us.
    SpokeToNode,
    /// The node sent its first bytes.
    SpokeToClient,
    /// The side ended its direction cleanly.
    Closed(Side),
    /// The side's connection was reset.
    Reset(Side),
    /// The side's host acknowledges nothing any more.
    Vanished(Side),
    /// Both directions ended and everything was delivered.
    Finished,
    /// The moment from [`Session::deadline`] came.
    Deadline,
    /// The operator took a node offline: perhaps this session's.
    AdminStateChanged,
    /// The balancer stops.
    Stopped,
}

/// What the engine is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing special: go on relaying.
    Continue,
    /// Drop the node's connection, if any, and connect to this node of the cluster.
    Attempt(NodeIndex),
    /// Let the other side know of the end once everything before it was delivered.
    PassOn(Side),
    /// End the session: cleanly where everything was said, by resets where something was cut off.
    End {
        /// For the record.
        reason: CloseReason,
        /// Whether both sides must see that this was no clean end.
        reset: bool,
    },
}

/// How far the session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// An attempt is under way.
    Connecting,
    /// Connected; no byte has gone either way.
    Quiet,
    /// The node was sent bytes that can be replayed, and has not answered.
    Unanswered,
    /// Its fate is its node's.
    Talking,
    /// Over.
    Ended,
}

/// The time limits that a listener sets on its sessions; zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeLimits {
    /// Nobody speaks.
    pub idle: Duration,
    /// Nobody has spoken yet.
    pub first_byte: Duration,
    /// One side has ended, the other is silent.
    pub half_close: Duration,
}
