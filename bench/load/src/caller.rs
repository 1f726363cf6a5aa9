//! One client's connection: it asks, up to `depth` requests ahead of the answers, and counts.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::io::Errno;

use crate::exchange::{Got, Payload, Shape, TURNS};
use crate::histogram::Histogram;
use crate::served::Next;
use crate::sockets;

/// The connection.
pub(crate) struct Caller {
    socket: OwnedFd,
    shape: Shape,
    depth: u64,
    asked: u64,
    sent: u64,
    got: u64,
    done: u64,
    begun: Instant,
    writing: bool,
}

/// What a turn came to.
pub(crate) struct Moved {
    /// Exchanges that were completed.
    pub(crate) exchanges: u64,
    /// Bytes both ways.
    pub(crate) bytes: u64,
    /// What to do next.
    pub(crate) next: Next,
}

impl Caller {
    /// A connection under way, from `origin` if one is given.
    pub(crate) fn open(
        origin: Option<SocketAddr>,
        target: SocketAddr,
        shape: Shape,
        depth: u64,
    ) -> Result<Caller, Errno> {
        let begun = Instant::now();
        let socket = sockets::connecting_from(origin, target)?;
        if shape.each != 1 {
            sockets::speak_at_once(&socket)?;
        }
        Ok(Caller { socket, shape, depth, asked: 0, sent: 0, got: 0, done: 0, begun, writing: false })
    }

    /// The socket, to be watched.
    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Whether it waits to be writable, and was not watched for that before.
    pub(crate) fn wants_writing(&mut self) -> bool {
        let wants = !self.writing && self.sent < self.asked * self.shape.request;
        self.writing |= wants;
        wants
    }

    /// A request: over a fast network the connection stands by now, if it is the first.
    pub(crate) fn call(&mut self, payload: &Payload) -> Result<Moved, Errno> {
        self.ask();
        self.send(payload)?;
        Ok(Moved { exchanges: 0, bytes: self.sent, next: Next::Wait })
    }

    /// Sends and receives what it can. An exchange takes from its request until its answer; of a connection that
    /// the node closes, the first from the connect and the last until the end.
    pub(crate) fn advance(&mut self, payload: &mut Payload, turn: Turn<'_>) -> Result<Moved, Errno> {
        let (done, moved) = (self.done, self.sent + self.got);
        let mut next = Next::Again;
        for _ in 0..TURNS {
            let got = payload.receive(&self.socket, &mut self.got, self.shape.answer)?;
            if self.got > self.asked * self.shape.answer {
                return Err(Errno::BADMSG);
            }
            let over = self.complete(got == Got::End || (turn.ended && got == Got::Drained), turn.durations);
            if got == Got::End && !over {
                return Err(Errno::PIPE);
            }
            if over || (turn.stopping && self.done == self.asked) {
                next = Next::Over;
                break;
            }
            if !turn.stopping {
                self.ask();
            }
            self.send(payload)?;
            if got == Got::Drained && !turn.ended {
                next = Next::Wait;
                break;
            }
        }
        Ok(Moved { exchanges: self.done - done, bytes: self.sent + self.got - moved, next })
    }

    /// Counts what is complete; true if the connection is.
    fn complete(&mut self, at_end: bool, durations: &mut Histogram) -> bool {
        let answered = self.got / self.shape.answer;
        let last = self.shape.each != 0 && answered == self.shape.each;
        let complete = if last && !at_end { answered - 1 } else { answered };
        if complete > self.done {
            self.done = complete;
            if self.depth == 1 {
                let now = Instant::now();
                durations
                    .record(u64::try_from(now.duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX));
                self.begun = now;
            }
        }
        last && at_end
    }

    fn ask(&mut self) {
        let most = if self.shape.each == 0 { u64::MAX } else { self.shape.each };
        self.asked = (self.done + self.depth).min(most).max(self.asked);
    }

    fn send(&mut self, payload: &Payload) -> Result<(), Errno> {
        let until = self.asked * self.shape.request;
        self.sent = payload.send(&self.socket, self.sent, until, self.shape.request)?.0;
        Ok(())
    }
}

/// What a caller is told when it is its turn.
pub(crate) struct Turn<'a> {
    /// The node has ended: nothing comes after what is there.
    pub(crate) ended: bool,
    /// No new request is to be made.
    pub(crate) stopping: bool,
    /// Where the time of an exchange is written, if only one is under way at a time.
    pub(crate) durations: &'a mut Histogram,
}

/// What became of a connection that failed, for a report.
pub(crate) fn word(error: Errno) -> String {
    match error {
        Errno::BADMSG => "wrong bytes".into(),
        Errno::PIPE => "ended early".into(),
        Errno::CONNRESET => "reset".into(),
        Errno::CONNREFUSED => "refused".into(),
        Errno::ADDRNOTAVAIL => "no ports left".into(),
        Errno::TIMEDOUT => "timeout".into(),
        other => other.to_string(),
    }
}
