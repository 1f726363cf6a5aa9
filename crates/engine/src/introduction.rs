//! The PROXY header that a node is sent before anything else. It is ours, not the client's: it counts as
//! no byte of the session, and a node that got no more than this may still be left for another (law 3).

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use protobalance_core::wire::proxy_protocol::{Version, write};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::bind::local_address;
use crate::newcomer::Learned;

/// A header, and how much of it the node's kernel has taken.
#[derive(Debug)]
pub(crate) struct Introduction {
    header: Vec<u8>,
    sent: usize,
}

impl Introduction {
    /// For a client: its address as learned, and where it connected to. A client that is gone has left
    /// no address to connect to; then the connection is nobody's but ours.
    pub(crate) fn of(
        version: Version,
        address: SocketAddr,
        socket: impl AsFd,
        learned: Option<&Learned>,
    ) -> Introduction {
        let destination = learned.and_then(|learned| learned.destination);
        let destination = destination.or_else(|| local_address(socket).ok());
        let header = write(version, destination.map(|destination| (address, destination)));
        Introduction { header, sent: 0 }
    }

    /// Writes what is left of it; true if nothing is.
    pub(crate) fn write(&mut self, node: BorrowedFd<'_>) -> Result<bool, Errno> {
        while self.sent < self.header.len() {
            match send(node, &self.header[self.sent..], SendFlags::NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
