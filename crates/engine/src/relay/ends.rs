//! What a direction reads from and writes to. A plain socket is read and written as it is; everything
//! a TLS session needs beyond that is behind the same few calls, so that plain sockets pay for none of it.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, getsockname, recv, send};

use crate::sys::at_mark;

/// Where bytes come from.
pub(crate) trait Source {
    /// Whether a read that fills less than was asked for shows that nothing more waits; if not, only
    /// `AGAIN` does.
    const SHORT_READ_DRAINS: bool;

    /// Reads about `size` bytes to the start of `buffer`, which has room for all that may come of
    /// that; 0 is the clean end.
    fn recv(&mut self, buffer: &mut [u8], size: usize) -> Result<usize, Errno>;

    /// Whether the next byte is an urgent one.
    fn at_mark(&self) -> bool;

    /// The socket, where bytes are passed on as they come and need not be looked at.
    fn plain(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// How bytes go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Plain,
    /// One byte, out of band.
    Urgent,
    /// The direction's end follows at once, and takes no packet of its own.
    Last,
}

/// Where bytes go.
pub(crate) trait Sink {
    /// Takes what it can; the rest is for later. `AGAIN` if it can take nothing now.
    fn send(&mut self, bytes: &[u8], manner: Manner) -> Result<usize, Errno>;

    /// Whether everything taken has gone to the kernel; tries to get it there.
    fn flush(&mut self) -> Result<bool, Errno>;

    /// The socket, where bytes are written to it as they are.
    fn plain(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Source for BorrowedFd<'_> {
    const SHORT_READ_DRAINS: bool = true;

    #[inline]
    fn recv(&mut self, buffer: &mut [u8], size: usize) -> Result<usize, Errno> {
        recv(*self, &mut buffer[..size], RecvFlags::empty()).map(|(count, _)| count)
    }

    #[inline]
    fn at_mark(&self) -> bool {
        at_mark(self).unwrap_or(false)
    }

    #[inline]
    fn plain(&self) -> Option<BorrowedFd<'_>> {
        Some(*self)
    }
}

/// A socket whose first read was made before its turn: what came of it is told first. The bytes are at the
/// start of the buffer that the turn reads to.
#[derive(Debug)]
pub(crate) struct ReadAhead<'a> {
    pub(crate) outcome: Option<Result<usize, Errno>>,
    pub(crate) socket: BorrowedFd<'a>,
}

impl Source for ReadAhead<'_> {
    const SHORT_READ_DRAINS: bool = true;

    fn recv(&mut self, buffer: &mut [u8], size: usize) -> Result<usize, Errno> {
        self.outcome.take().unwrap_or_else(|| self.socket.recv(buffer, size))
    }

    fn at_mark(&self) -> bool {
        self.socket.at_mark()
    }
}

impl Sink for BorrowedFd<'_> {
    fn send(&mut self, bytes: &[u8], manner: Manner) -> Result<usize, Errno> {
        let flags = SendFlags::NOSIGNAL
            | match manner {
                Manner::Urgent if !is_unix(*self) => SendFlags::OOB,
                Manner::Plain | Manner::Urgent => SendFlags::empty(),
                Manner::Last => SendFlags::MORE,
            };
        loop {
            match send(*self, bytes, flags) {
                Err(Errno::INTR) => {}
                outcome => return outcome,
            }
        }
    }

    #[inline]
    fn flush(&mut self) -> Result<bool, Errno> {
        Ok(true)
    }

    #[inline]
    fn plain(&self) -> Option<BorrowedFd<'_>> {
        Some(*self)
    }
}

/// Who serves on a Unix-domain socket expects no urgent data: to him it is data. Linux would have him
/// miss the byte unless he asks for it.
fn is_unix(socket: BorrowedFd<'_>) -> bool {
    getsockname(socket).is_ok_and(|address| address.address_family() == AddressFamily::UNIX)
}
