//! A control connection as far as its replies go: which node answers, where its client is, and where a data
//! connection is to come.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use protobalance_core::node::NodeIndex;
use protobalance_core::wire::ftp::{Announced, Placed, Replies};
use rustix::net::getpeername;

use super::{Settings, ports};
use crate::bind::local_address;
use crate::plan::Route;
use crate::ports::Pin;

/// One control connection with one node.
#[derive(Debug)]
pub(crate) struct Control {
    pub(super) replies: Replies,
    /// Rewritten bytes that did not fit yet, and how many of them have gone.
    pub(super) ready: Vec<u8>,
    pub(super) gone: usize,
    /// How the node's direction ended, behind what is ready.
    pub(super) end: Option<rustix::io::Result<()>>,
    pub(super) desk: Desk,
}

/// What decides about replies.
#[derive(Debug)]
pub(super) struct Desk {
    settings: Settings,
    /// Our end of the client's connection, and the other one.
    here: IpAddr,
    pub(super) client: IpAddr,
    /// Kept, though a session that talks keeps no plan alive: its data connections go where it went.
    route: Arc<Route>,
    node: NodeIndex,
    random: u64,
    /// What was made in this turn.
    made: Option<Made>,
    pub(super) shortage: bool,
    /// The key and epoch of the socket that waits.
    pub(super) waiting: Option<(u32, u32)>,
    /// The key and epoch of the last data session that had a place of its own.
    pub(super) transfer: Option<(u32, u32)>,
    pub(super) told_secured: bool,
}

/// A socket at which a data connection may come, and where that goes.
#[derive(Debug)]
struct Made {
    socket: OwnedFd,
    ours: u16,
    pin: Pin,
}

impl Control {
    /// For a client's connection and the node that it is tried with; `None` where there are no ports, as on
    /// Unix-domain sockets.
    pub(crate) fn new(
        client: impl AsFd,
        settings: &Settings,
        route: &Arc<Route>,
        node: usize,
        random: u64,
    ) -> Option<Box<Control>> {
        let here = local_address(&client).ok()?.ip().to_canonical();
        let there = SocketAddr::try_from(getpeername(&client).ok()??).ok()?.ip().to_canonical();
        let desk = Desk {
            settings: settings.clone(),
            here,
            client: there,
            route: Arc::clone(route),
            node: NodeIndex::try_from(node).ok()?,
            random,
            made: None,
            shortage: false,
            waiting: None,
            transfer: None,
            told_secured: false,
        };
        let replies = Replies::default();
        Some(Box::new(Control { replies, ready: Vec::new(), gone: 0, end: None, desk }))
    }

    /// What the last replies led to.
    pub(super) fn take_made(&mut self) -> Option<(OwnedFd, Pin)> {
        self.desk.made.take().map(|made| (made.socket, made.pin))
    }

    pub(super) fn timeout(&self) -> std::time::Duration {
        self.desk.settings.timeout
    }

    /// Whether it is news that the rest is encrypted.
    pub(super) fn tell_secured(&mut self) -> bool {
        self.replies.secured() && !std::mem::replace(&mut self.desk.told_secured, true)
    }
}

impl Desk {
    /// Where clients are to connect, for a place that the node has announced. It listens from here on.
    ///
    /// Ports are looked through once a turn, however many places are announced in it: only the last one
    /// counts, and a client that asks and asks is not to have the worker do nothing else.
    pub(super) fn decide(&mut self, announced: Announced) -> Placed {
        let (Announced::Passive { port } | Announced::Extended { port }) = announced;
        let public = match announced {
            Announced::Extended { .. } => self.here,
            Announced::Passive { .. } => match (self.settings.public_address, self.here) {
                (Some(public), IpAddr::V4(_)) => public.into(),
                (None, here @ IpAddr::V4(_)) => here,
                // It cannot say IPv6, and on IPv6 clients use EPSV.
                (_, IpAddr::V6(_)) => return Placed::Untouched,
            },
        };
        self.random = self.random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        if let Some(made) = &mut self.made {
            made.pin.port = port;
            return Placed::At(SocketAddr::new(public, made.ours));
        }
        let found = || ports::listen_at_one(self.here, self.settings.ports, self.random >> 20);
        let Some((socket, ours)) = (!self.shortage).then(found).flatten() else {
            self.shortage = true;
            return Placed::Nowhere;
        };
        let pin = Pin { route: Arc::clone(&self.route), node: self.node, port };
        self.made = Some(Made { socket, ours, pin });
        Placed::At(SocketAddr::new(public, ours))
    }
}
