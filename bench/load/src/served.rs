//! One connection of a node: an [`Answer`] on a socket. What is not yet taken by the client stops
//! further reading, so that a client that does not read is not read either.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};

use crate::answer::Answer;
use crate::sockets;

/// Turns of one connection before the others have theirs.
const TURNS: usize = 16;

/// What to do with a connection next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait for an event.
    Wait,
    /// It could go on at once.
    Again,
    /// It is over.
    Over,
}

/// The connection.
pub(crate) struct Served {
    socket: OwnedFd,
    answer: Answer,
    written: usize,
    /// Our direction has ended; the client's may still go on.
    ended: bool,
}

impl Served {
    /// A connection that was just accepted.
    pub(crate) fn new(socket: OwnedFd, answer: Answer) -> Served {
        Served { socket, answer, written: 0, ended: false }
    }

    /// The socket, to be watched.
    pub(crate) fn socket(&self) -> impl AsFd + '_ {
        self.socket.as_fd()
    }

    /// Moves it on. `portion`: write at most so much at a time.
    pub(crate) fn advance(&mut self, buffer: &mut [u8], portion: usize) -> Next {
        self.try_advance(buffer, portion).unwrap_or(Next::Over)
    }

    fn try_advance(&mut self, buffer: &mut [u8], portion: usize) -> Result<Next, Errno> {
        for _ in 0..TURNS {
            if !self.flush(portion)? {
                return Ok(Next::Wait);
            }
            if self.answer.closing && !self.ended {
                self.ended = true;
                match shutdown(&self.socket, Shutdown::Write) {
                    Ok(()) | Err(Errno::NOTCONN) => {}
                    Err(error) => return Err(error),
                }
            }
            // Also after our end: a close with unread bytes would be a reset.
            match sockets::read(self.socket.as_fd(), buffer)? {
                None if self.answer.out.is_empty() => return Ok(Next::Wait),
                None => {}
                Some(0) if self.ended => return Ok(Next::Over),
                Some(0) => self.answer.hear_end(),
                Some(_) if self.ended => {}
                Some(count) => self.answer.hear(&buffer[..count]),
            }
        }
        Ok(Next::Again)
    }

    /// True when all is written that there was to say for now.
    fn flush(&mut self, portion: usize) -> Result<bool, Errno> {
        while self.written < self.answer.out.len() {
            let end = self.answer.out.len().min(self.written.saturating_add(portion));
            match sockets::write(self.socket.as_fd(), &self.answer.out[self.written..end])? {
                None => return Ok(false),
                Some(count) => self.written += count,
            }
        }
        self.written = 0;
        self.answer.out.clear();
        self.answer.refill();
        Ok(true)
    }
}
