//! One connection out of the queue that the kernel keeps for a listening socket.

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};

/// What was first in the queue.
#[derive(Debug)]
pub(crate) enum Next {
    Connection(OwnedFd, SocketAddr),
    /// One that had been reset while it waited.
    Gone,
    /// There is no descriptor, or no memory, for it.
    Shortage,
    /// Nobody waits.
    Nobody,
}

/// Takes the first connection out of a queue.
pub(crate) fn next(queue: BorrowedFd<'_>) -> Next {
    match acceptfrom_with(queue, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
        Ok((socket, address)) => match address.map(SocketAddr::try_from) {
            Some(Ok(address)) => Next::Connection(socket, address),
            _ => Next::Gone,
        },
        Err(Errno::CONNABORTED | Errno::INTR) => Next::Gone,
        Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Next::Shortage,
        Err(_) => Next::Nobody,
    }
}
