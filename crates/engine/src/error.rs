//! The one error of the engine's boundary: what kind, where, and a sentence for the operator.

use std::fmt::{Debug, Display, Formatter};

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The plan asks for something that cannot be.
    Plan,
    /// An address could not be bound.
    Bind,
    /// A file of the state folder could not be used.
    State,
    /// The session log could not be opened.
    Log,
    /// A call's argument names nothing that exists.
    Argument,
    /// What this process should give up could not be given up.
    Confinement,
    /// The engine has been stopped.
    Stopped,
}

impl ErrorKind {
    /// The word used across the boundary.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::Plan => "plan",
            ErrorKind::Bind => "bind",
            ErrorKind::State => "state",
            ErrorKind::Log => "log",
            ErrorKind::Argument => "argument",
            ErrorKind::Confinement => "confinement",
            ErrorKind::Stopped => "stopped",
        }
    }
}

/// A refusal; nothing was changed.
#[derive(Clone, Debug)]
pub struct EngineError {
    /// What was refused.
    pub kind: ErrorKind,
    /// The listener, cluster, node or file it is about.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl EngineError {
    pub(crate) fn new(kind: ErrorKind, place: impl Into<String>, message: impl Into<String>) -> EngineError {
        EngineError { kind, place: place.into(), message: message.into() }
    }

    pub(crate) fn bind(listener: &str, address: impl Display, error: rustix::io::Errno) -> EngineError {
        let hint = match error {
            rustix::io::Errno::ADDRINUSE => {
                "; another program listens there: stop it, or choose another port"
            }
            rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => {
                "; ports below 1024 need root or CAP_NET_BIND_SERVICE"
            }
            rustix::io::Errno::ADDRNOTAVAIL => "; this machine has no such address",
            rustix::io::Errno::MFILE | rustix::io::Errno::NFILE => {
                "; raise the descriptor limit, or bind fewer ports"
            }
            _ => "",
        };
        let reason = std::io::Error::from(error);
        EngineError::new(
            ErrorKind::Bind,
            format!("listeners.{listener}"),
            format!("cannot listen on {address}: {reason}{hint}"),
        )
    }
}

impl Display for EngineError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for EngineError {}
