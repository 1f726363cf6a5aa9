//! The way to a node: a non-blocking connect, and what its failure means.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use protobalance_core::session::Failure;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt,
};

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// A name that does not resolve at present.
    Unresolved,
}

impl NodeAddress {
    pub(crate) fn parse(text: &str) -> Result<NodeAddress, String> {
        if text.is_empty() {
            return Ok(NodeAddress::Unresolved);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return match SocketAddrUnix::new(path) {
                Ok(_) if path.starts_with('/') => Ok(NodeAddress::Unix(path.into())),
                _ => Err(format!("{text:?} is no absolute path of at most 107 bytes")),
            };
        }
        let address: SocketAddr = text.parse().map_err(|_| format!("{text:?} is no numeric address:port"))?;
        if address.port() == 0 {
            return Err(format!("{text:?}: nothing listens on port 0"));
        }
        Ok(NodeAddress::Tcp(address))
    }
}

impl NodeAddress {
    /// The same host at another port. 0 is no port: the address as it is.
    pub(crate) fn at_port(&self, port: u16) -> NodeAddress {
        match self {
            NodeAddress::Tcp(address) if port != 0 => NodeAddress::Tcp(SocketAddr::new(address.ip(), port)),
            other => other.clone(),
        }
    }
}

impl std::fmt::Display for NodeAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NodeAddress::Tcp(address) => address.fmt(formatter),
            NodeAddress::Unix(path) => write!(formatter, "unix:{}", path.display()),
            NodeAddress::Unresolved => Ok(()),
        }
    }
}

/// What follows a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Perhaps nothing for a while.
    Wait,
    /// Bytes, at once: they take the handshake's last acknowledgement along, which saves both sides a
    /// packet. Without them that one would be late, and a node that speaks first with it.
    Speak,
}

/// Why a connect did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// No descriptor was free.
    NoDescriptor,
    /// The attempt has failed already.
    Failed(Failure),
}

impl From<Errno> for NotBegun {
    fn from(error: Errno) -> NotBegun {
        match error {
            Errno::MFILE | Errno::NFILE => NotBegun::NoDescriptor,
            error => NotBegun::Failed(failure(error)),
        }
    }
}

/// Begins a connect. Whether it succeeded is known when the socket becomes writable or a write succeeds.
pub(crate) fn start(address: &NodeAddress, then: Then) -> Result<OwnedFd, NotBegun> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, outcome) = match address {
        NodeAddress::Tcp(address) => return Ok(tcp(*address, then, |_| Ok(()))?),
        NodeAddress::Unix(path) => {
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            sockopt::set_socket_oobinline(&socket, true)?;
            let outcome = SocketAddrUnix::new(path).and_then(|address| connect(&socket, &address));
            (socket, outcome)
        }
        NodeAddress::Unresolved => return Err(NotBegun::Failed(Failure::Unresolved)),
    };
    match outcome {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Begins a connect over TCP from a socket that was prepared for it.
pub(crate) fn tcp(
    address: SocketAddr,
    then: Then,
    prepare: impl FnOnce(&OwnedFd) -> Result<(), Errno>,
) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // As for clients: an urgent byte that comes before we look is read as data, not lost.
    sockopt::set_socket_oobinline(&socket, true)?;
    prepare(&socket)?;
    if then == Then::Speak {
        sockopt::set_tcp_quickack(&socket, false)?;
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// What became of a connect, once the socket has an event.
pub(crate) fn outcome(socket: impl AsFd) -> Result<(), Failure> {
    match sockopt::socket_error(socket) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) | Err(error) => Err(failure(error)),
    }
}

/// Whose fault an error of a connect is, and which.
pub(crate) fn failure(error: Errno) -> Failure {
    match error {
        // A Unix socket whose backlog is full answers AGAIN; one that is gone, NOENT.
        Errno::CONNREFUSED | Errno::NOENT | Errno::AGAIN => Failure::Refused,
        Errno::CONNRESET | Errno::PIPE => Failure::Reset,
        Errno::TIMEDOUT => Failure::TimedOut,
        Errno::NOBUFS | Errno::NOMEM | Errno::ADDRNOTAVAIL => Failure::OurShortage,
        _ => Failure::Unreachable,
    }
}
