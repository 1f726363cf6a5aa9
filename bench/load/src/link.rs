//! One client's connection: an [`Echo`] on a socket. It moves as many bytes as the socket takes and
//! gives, and says in the field's words how it failed.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};

use crate::echo::Echo;
use crate::pattern::Pattern;
use crate::sockets;

/// How a client was failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// Nobody listens there.
    Refused,
    /// Ended by a reset.
    Reset,
    /// Ended before everything was answered.
    EofEarly,
    /// What came back is not what was sent.
    Mismatch,
    /// Not served in time.
    Timeout,
    /// The client's own system refused; the number is the kernel's.
    Own(i32),
}

impl Failure {
    /// The word in the result.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::EofEarly => "eof_early",
            Failure::Mismatch => "mismatch",
            Failure::Timeout => "timeout",
            Failure::Own(_) => "own",
        }
    }
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Failure {
        match error {
            Errno::CONNREFUSED => Failure::Refused,
            Errno::CONNRESET | Errno::PIPE => Failure::Reset,
            Errno::TIMEDOUT => Failure::Timeout,
            other => Failure::Own(other.raw_os_error()),
        }
    }
}

/// A connection and its conversation.
pub(crate) struct Link {
    socket: OwnedFd,
    /// What is said on it.
    pub(crate) echo: Echo,
    ended: bool,
}

impl Link {
    /// Begins to connect.
    pub(crate) fn open(target: SocketAddr, echo: Echo) -> Result<Link, Failure> {
        Ok(Link { socket: sockets::connecting(target)?, echo, ended: false })
    }

    /// The socket, to be watched.
    pub(crate) fn socket(&self) -> impl AsFd + '_ {
        self.socket.as_fd()
    }

    /// Sends until all is sent or the socket takes no more; how many bytes it took.
    pub(crate) fn send(&mut self, pattern: &Pattern) -> Result<usize, Failure> {
        let mut total = 0;
        while !self.echo.all_sent() {
            let Some(count) = sockets::write(self.socket.as_fd(), self.echo.outgoing(pattern))? else {
                break;
            };
            self.echo.sent(count);
            total += count;
        }
        Ok(total)
    }

    /// Reads once into `buffer` and checks; `None` if nothing is there or the end was seen.
    pub(crate) fn receive(&mut self, pattern: &Pattern, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        if self.ended {
            return Ok(None);
        }
        match sockets::read(self.socket.as_fd(), buffer)? {
            None => Ok(None),
            Some(0) => {
                self.ended = true;
                Ok(None)
            }
            Some(count) => {
                self.echo.take(&buffer[..count], pattern).map_err(|_| Failure::Mismatch)?;
                Ok(Some(count))
            }
        }
    }

    /// Reads all that is there. The end before everything was answered is a failure.
    pub(crate) fn receive_all(&mut self, pattern: &Pattern, buffer: &mut [u8]) -> Result<(), Failure> {
        while self.receive(pattern, buffer)?.is_some() {}
        if self.ended && !self.echo.all_answered() { Err(Failure::EofEarly) } else { Ok(()) }
    }

    /// Whether the node's end was seen.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Ends the client's direction; the node's stays open.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        match shutdown(&self.socket, Shutdown::Write) {
            // The node was quicker, and its end is already here.
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
