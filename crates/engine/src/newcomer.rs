//! A client that was accepted and what is known of it: all that a session is opened with.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use protobalance_core::moment::Moment;

use crate::admission::Admitted;
use crate::plan::Listener;
use crate::ports::Given;

/// An accepted connection on its way to a session.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) socket: OwnedFd,
    /// Whose connection it is: the socket's other end, or whom a believed PROXY header names.
    pub(crate) address: SocketAddr,
    pub(crate) listener: Arc<Listener>,
    /// Its node, where that is not for the policy to choose.
    pub(crate) given: Option<Given>,
    /// Its place among its client's sessions, where these are counted.
    pub(crate) admitted: Option<Admitted>,
    pub(crate) learned: Option<Box<Learned>>,
}

impl Newcomer {
    /// What was learned, to add to it.
    pub(crate) fn learned(&mut self) -> &mut Learned {
        self.learned.get_or_insert_default()
    }
}

/// What the preface of a connection said. Most connections have none, so it is kept apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    /// When it was accepted, where its session was opened later.
    pub(crate) arrived_at: Option<Moment>,
    /// The socket's other end, where that is not the client.
    pub(crate) via: Option<SocketAddr>,
    /// Where the client connected to, where that is not this end of the socket.
    pub(crate) destination: Option<SocketAddr>,
}
