//! A client that was accepted and what is known of it: all that a session is opened with.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use protobalance_core::moment::Moment;

use crate::admission::Admitted;
use crate::plan::{Listener, Plan, Route};
use crate::ports::Pin;
use crate::tls::Link;

/// An accepted connection on its way to a session.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) socket: OwnedFd,
    /// What its node's will have where no other descriptor is free.
    pub(crate) spare: Option<OwnedFd>,
    /// Whose connection it is: the socket's other end, or whom a believed PROXY header names.
    pub(crate) address: SocketAddr,
    pub(crate) listener: Arc<Listener>,
    /// Its node, where that is not for the policy to choose.
    pub(crate) pin: Option<Pin>,
    /// Whether another worker accepted it.
    pub(crate) given: bool,
    /// Its place among its client's sessions, where these are counted.
    pub(crate) admitted: Option<Box<Admitted>>,
    pub(crate) learned: Option<Box<Learned>>,
    /// TLS with it, begun or agreed on, if that ends here.
    pub(crate) tls: Option<Box<Link>>,
}

impl Newcomer {
    /// One of whom no more is known.
    pub(crate) fn new(socket: OwnedFd, address: SocketAddr, listener: Arc<Listener>) -> Newcomer {
        let (spare, pin, given, admitted, learned, tls) = (None, None, false, None, None, None);
        Newcomer { socket, spare, address, listener, pin, given, admitted, learned, tls }
    }

    /// Where it goes: to whom its port belongs, else where its name leads, else where all others go.
    pub(crate) fn route(&mut self, plan: &Plan) -> Arc<Route> {
        if let Some(pin) = &self.pin {
            return Arc::clone(&pin.route);
        }
        let Some(learned) = &mut self.learned else { return Arc::clone(&self.listener.route) };
        let named = learned.server_name.as_ref().and_then(|name| self.listener.names.find(name));
        learned.pattern = named.map(|named| named.pattern.clone());
        let route = named.map_or(&self.listener.route, |named| &named.target);
        // Its listener may have left the plan while it arrived, and the cluster have other nodes now.
        let newest = || plan.route(&route.cluster.name);
        let waited = learned.arrived_at.is_some();
        Arc::clone(waited.then(newest).flatten().unwrap_or(route))
    }

    /// Whether another worker may have it: once, or it could go back and forth for ever. Where its node is
    /// given, so is the worker.
    pub(crate) fn may_be_given(&self) -> bool {
        self.pin.is_none() && !self.given
    }

    /// A plan may have come since it was taken in.
    pub(crate) fn keep_up(&mut self, plan: &Plan) {
        if let Some(current) = plan.listener(&self.listener.name) {
            self.listener = Arc::clone(current);
        }
    }

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
    /// The name in its ClientHello.
    pub(crate) server_name: Option<Box<str>>,
    /// Which of the listener's `server_names` that is; `None` on the listener's default route.
    pub(crate) pattern: Option<Box<str>>,
}
