//! A session as its worker holds it: the client's socket, the node's socket, what flows between
//! them, and the decisions of `protobalance_core::session`.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use protobalance_core::moment::Moment;
use protobalance_core::session::{CloseReason, Phase, Session, Side};
use protobalance_core::wire::proxy_protocol::Version;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown, sockopt};

use crate::admission::Admitted;
use crate::bind::keep_alive;
use crate::ftp::{Control, Rewritten};
use crate::introduction::Introduction;
use crate::newcomer::Learned;
use crate::plan::{Listener, Route};
use crate::relay::{Flow, Pumped, ReadAhead, Turn};
use crate::tls::{End, Link};

/// One session's sockets and state.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) session: Session,
    pub(crate) listener: Arc<Listener>,
    /// Where the cluster's nodes are; let go when no other node can be tried.
    pub(crate) route: Option<Arc<Route>>,
    /// The node's port for this session; 0 for the node's own.
    pub(crate) port: u16,
    pub(crate) client_address: SocketAddr,
    pub(crate) client: OwnedFd,
    /// What its preface said, if it had one.
    pub(crate) learned: Option<Box<Learned>>,
    pub(crate) node: Option<OwnedFd>,
    /// What the node is to be told of the client before anything else, until it has been.
    pub(crate) introduction: Option<Box<Introduction>>,
    /// TLS with the client, if it ends here; it has agreed by now.
    pub(crate) client_tls: Option<Box<Link>>,
    /// TLS with the node; while an attempt is under way it may be shaking hands.
    pub(crate) node_tls: Option<Box<Link>>,
    pub(crate) to_node: Flow,
    pub(crate) to_client: Flow,
    /// A side whose connection broke; what it sent before is still delivered.
    pub(crate) broken: Option<Side>,
    /// Over, but the other side's kernel still has data to deliver before the reset.
    pub(crate) closing: Option<CloseReason>,
    /// So much of it, when that was last looked at.
    pub(crate) undelivered: u32,
    /// What is known of it as a control connection of FTP, where it is one.
    pub(crate) ftp: Option<Box<Control>>,
    /// Counts attempts, so that events of a dropped node socket are recognised.
    pub(crate) attempt: u8,
    /// The decision's number in the worker's ring.
    pub(crate) decision: u64,
    /// Bytes already counted for the node: to it, and from it.
    pub(crate) counted: [u64; 2],
    /// Whether it is on the worker's list of sessions with uncounted bytes.
    pub(crate) dirty: bool,
    /// Its place among its client's sessions, where these are counted.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) admitted: Option<Box<Admitted>>,
    /// Whether epoll is to tell of room to write to the client, and to the node; as long as it does not
    /// watch the socket at all, there is nothing to ask of it.
    pub(crate) room_awaited: [bool; 2],
    /// Whether the node's socket has its keepalive and `TCP_NODELAY` yet: short sessions need neither.
    pub(crate) node_tuned: NodeTuning,
}

/// Options that the node's socket gets only once the session shows that it needs them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeTuning {
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: bool,
    pub(crate) writes: u8,
}

impl Pair {
    /// The socket of a side.
    pub(crate) fn socket(&self, side: Side) -> Option<BorrowedFd<'_>> {
        match side {
            Side::Client => Some(self.client.as_fd()),
            Side::Node => self.node.as_ref().map(AsFd::as_fd),
        }
    }

    /// The direction that a side feeds.
    pub(crate) fn flow_from(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Client => &mut self.to_node,
            Side::Node => &mut self.to_client,
        }
    }

    /// Has the node told whose connection it is, before anything else.
    pub(crate) fn introduce(&mut self, version: Option<Version>) {
        // A node's own ports are no service that it introduces clients to: FTP's data connections have no header.
        let version = version.filter(|_| !self.session.pinned());
        self.introduction = version.map(|version| {
            let learned = self.learned.as_deref();
            Box::new(Introduction::of(version, self.client_address, &self.client, learned))
        });
        if version.is_some() {
            // The client's first bytes are the second write: they are not to wait for the header's arrival.
            self.no_delay();
        }
    }

    /// Writes what is left of the introduction; what keeps it from being done, if something does.
    pub(crate) fn finish_introduction(&mut self) -> Option<Pumped> {
        let (introduction, node) = (self.introduction.as_mut()?, self.node.as_ref()?);
        match introduction.write(node.as_fd()) {
            Ok(true) => {
                self.introduction = None;
                None
            }
            Ok(false) => Some(Pumped::Waiting),
            Err(error) => Some(Pumped::SinkBroke(error)),
        }
    }

    /// Whether something of ours goes to the node before the client's bytes.
    pub(crate) fn is_preceded(&self) -> bool {
        let introduced = |route: &Route| route.introduce.is_some() && !self.session.pinned();
        self.route.as_ref().is_some_and(|route| route.tls.is_some() || introduced(route))
    }

    /// Reads what the client has said before there is a node to give it to; `None` where that must wait.
    pub(crate) fn read_ahead(&self, buffer: &mut [u8], frugal: bool) -> Option<Result<usize, Errno>> {
        if self.client_tls.is_some() || self.is_preceded() || self.session.holds_client() {
            return None;
        }
        self.to_node.read_ahead(self.client.as_fd(), buffer, frugal)
    }

    /// One turn of the direction that `side` feeds; `ahead` is what came of a read of the client's socket
    /// that was made for it before.
    pub(crate) fn pump_from(
        &mut self,
        side: Side,
        ahead: Option<Result<usize, Errno>>,
        turn: &mut Turn<'_>,
    ) -> Pumped {
        if side == Side::Client
            && let Some(stopped) = self.finish_introduction()
        {
            return stopped;
        }
        let Some(node) = self.node.as_ref().map(AsFd::as_fd) else { return Pumped::Waiting };
        let client = self.client.as_fd();
        // Nothing reaches a broken side any more; what it sent before still counts.
        if self.broken == Some(other(side)) {
            return Pumped::Waiting;
        }
        if self.client_tls.is_some() || self.node_tls.is_some() {
            let client = End::new(self.client_tls.as_mut(), client);
            let node = End::new(self.node_tls.as_mut(), node);
            return match side {
                Side::Client => self.to_node.pump(client, node, turn),
                Side::Node => self.to_client.pump(node, client, turn),
            };
        }
        match side {
            Side::Client => match ahead {
                None => self.to_node.pump(client, node, turn),
                outcome => self.to_node.pump(ReadAhead { outcome, socket: client }, node, turn),
            },
            Side::Node => match &mut self.ftp {
                None => self.to_client.pump(node, client, turn),
                Some(control) => self.to_client.pump(Rewritten { node, control }, client, turn),
            },
        }
    }

    /// Grows with every byte that moves: what was read from the node, and what either side took.
    pub(crate) fn moved(&self) -> u64 {
        self.to_node.delivered() + self.to_client.read() + self.to_client.delivered()
    }

    /// Whether epoll was asked to tell of room to write to a side.
    pub(crate) fn awaits_room(&mut self, side: Side) -> &mut bool {
        &mut self.room_awaited[usize::from(side == Side::Node)]
    }

    /// Whether a side's connection does not stand yet: its attempt is under way.
    pub(crate) fn is_connecting(&self, side: Side) -> bool {
        side == Side::Node && self.session.phase() == Phase::Connecting
    }

    /// Whether both directions have ended, and everything was handed on.
    pub(crate) fn is_through(&self) -> bool {
        self.to_node.ended() && self.to_client.ended() && self.held() == 0
    }

    /// Whether a side's connection failed: its socket said so, or a write to it.
    pub(crate) fn has_failed(&mut self, side: Side) -> bool {
        self.broken == Some(side) || self.flow_from(side).failed()
    }

    /// Why a side's connection failed; a reset, if its socket knows no better. The kernel tells it once.
    pub(crate) fn take_error(&self, side: Side) -> Errno {
        let error = self.socket(side).and_then(|socket| sockopt::socket_error(socket).ok()?.err());
        error.unwrap_or(Errno::CONNRESET)
    }

    /// Whether something waits for a side to be written to.
    pub(crate) fn waits_for(&mut self, side: Side) -> bool {
        let introduced = side == Side::Client || self.introduction.is_none();
        self.flow_from(other(side)).held() > 0 || !introduced || self.link(side).is_some_and(Link::pending)
    }

    /// Whether its cluster is that of the name it asked for.
    pub(crate) fn follows_name(&self) -> bool {
        self.learned.as_ref().is_some_and(|learned| learned.pattern.is_some())
    }

    /// When the client was accepted.
    pub(crate) fn accepted_at(&self) -> Moment {
        let arrived = self.learned.as_ref().and_then(|learned| learned.arrived_at);
        arrived.unwrap_or(self.session.opened_at())
    }

    fn link(&self, side: Side) -> Option<&Link> {
        match side {
            Side::Client => self.client_tls.as_deref(),
            Side::Node => self.node_tls.as_deref(),
        }
    }

    /// Ends the direction towards a side, behind everything written to it; true once that has gone out.
    pub(crate) fn end_towards(&mut self, side: Side) -> bool {
        let (link, socket) = match side {
            Side::Client => (self.client_tls.as_mut(), Some(self.client.as_fd())),
            Side::Node => (self.node_tls.as_mut(), self.node.as_ref().map(AsFd::as_fd)),
        };
        match (link, socket) {
            (Some(link), Some(socket)) => link.say_goodbye(socket),
            (None, Some(socket)) => {
                // It fails only where the other side is gone; its own event tells of that.
                let _ = shutdown(socket, Shutdown::Write);
                true
            }
            (_, None) => true,
        }
    }

    /// Before both sockets are closed: whoever speaks TLS is told that nothing follows, or it would
    /// take the end for a cut. True once that has gone out.
    pub(crate) fn say_goodbye(&mut self) -> bool {
        let mut gone = true;
        if let Some(link) = &mut self.client_tls {
            gone &= link.say_goodbye(self.client.as_fd());
        }
        if let (Some(link), Some(socket)) = (&mut self.node_tls, &self.node) {
            gone &= link.say_goodbye(socket.as_fd());
        }
        gone
    }

    /// Bytes held in both directions.
    pub(crate) fn held(&self) -> usize {
        let in_links = [&self.client_tls, &self.node_tls].into_iter().flatten().map(|link| link.kept());
        self.to_node.held() + self.to_client.held() + in_links.sum::<usize>()
    }

    /// Whether the client has ended its side, cleanly, with nothing left to read.
    pub(crate) fn client_has_ended(&mut self) -> Result<bool, Errno> {
        if let Some(link) = &mut self.client_tls {
            return link.look(&self.client);
        }
        match recv(&self.client, &mut [0u8; 1][..], RecvFlags::PEEK) {
            Ok((count, _)) => Ok(count == 0),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Bytes for the node and for the client that were not counted yet; counts them.
    pub(crate) fn take_uncounted(&mut self) -> (u64, u64) {
        let now = [self.to_node.delivered(), self.to_client.delivered()];
        let before = std::mem::replace(&mut self.counted, now);
        (now[0].saturating_sub(before[0]), now[1].saturating_sub(before[1]))
    }

    /// Small writes leave at once; set before the second write, since one write needs it not.
    pub(crate) fn tune_for_small_writes(&mut self) {
        if self.node_tuned.no_delay {
            return;
        }
        self.node_tuned.writes = self.node_tuned.writes.saturating_add(1);
        if self.node_tuned.writes > 1 || self.to_node.held() > 0 {
            self.no_delay();
        }
    }

    /// What is written to the node leaves at once.
    pub(crate) fn no_delay(&mut self) {
        let Some(node) = &self.node else { return };
        self.node_tuned.no_delay = true;
        // A Unix-domain socket has no such option, and needs none.
        let _ = sockopt::set_tcp_nodelay(node.as_fd(), true);
    }

    /// A session that lives longer than a moment has its node probed like its client.
    pub(crate) fn tune_for_long_life(&mut self) {
        let Some(node) = &self.node else { return };
        if !std::mem::replace(&mut self.node_tuned.keep_alive, true) {
            let _ = keep_alive(node, self.listener.keepalive_ms, self.listener.user_timeout_ms);
        }
    }
}

pub(crate) fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Node,
        Side::Node => Side::Client,
    }
}

#[cfg(test)]
mod tests {
    /// A session that holds nothing must stay small: thousands of idle ones are the normal case.
    #[test]
    fn an_idle_session_is_a_few_hundred_bytes() {
        let size = std::mem::size_of::<super::Pair>();
        assert!(size <= 344, "{size} bytes");
    }
}
