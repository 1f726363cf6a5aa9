//! The system calls on sockets: all of them non-blocking, none of them clever.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::sys;

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

fn stream(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    net::socket_with(family, SocketType::STREAM, FLAGS, None)
}

/// A socket bound to `address` that does not listen: whoever connects is refused.
pub(crate) fn bound(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = stream(address)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(&socket, &address)?;
    Ok(socket)
}

/// A socket that listens.
pub(crate) fn listening(address: SocketAddr, backlog: i32) -> Result<OwnedFd, Errno> {
    let socket = bound(address)?;
    net::listen(&socket, backlog)?;
    Ok(socket)
}

/// The address it is bound to.
pub(crate) fn local_address(socket: &OwnedFd) -> Result<SocketAddr, Errno> {
    SocketAddr::try_from(net::getsockname(socket)?)
}

/// The next connection, if one waits.
pub(crate) fn accepted(listener: &OwnedFd) -> Result<Option<OwnedFd>, Errno> {
    match net::accept_with(listener, FLAGS) {
        Ok(socket) => Ok(Some(socket)),
        Err(Errno::AGAIN | Errno::CONNABORTED) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A connection under way to `target`.
pub(crate) fn connecting(target: SocketAddr) -> Result<OwnedFd, Errno> {
    connecting_from(None, target)
}

/// The same from an address, where one is given.
pub(crate) fn connecting_from(origin: Option<SocketAddr>, target: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = stream(target)?;
    if let Some(origin) = origin {
        sys::bind_address_without_port(&socket)?;
        net::bind(&socket, &origin)?;
    }
    match net::connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Has the kernel hold about so many bytes for this socket each way, or, for 0, as many as it likes. A
/// listener's connections inherit it.
pub(crate) fn limit_buffers(socket: impl AsFd, bytes: usize) -> Result<(), Errno> {
    if bytes == 0 {
        return Ok(());
    }
    sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    sockopt::set_socket_send_buffer_size(&socket, bytes)
}

/// Small writes are not held back. A listener's connections inherit it.
pub(crate) fn speak_at_once(socket: impl AsFd) -> Result<(), Errno> {
    sockopt::set_tcp_nodelay(&socket, true)
}

/// Closes with a reset.
pub(crate) fn reset(socket: OwnedFd) {
    // A socket that refuses the option is closed without a reset; tests that wanted one will say so.
    let _ = sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
}

/// Reads at most `buffer`; nothing if nothing is there, `Some(0)` at the end.
pub(crate) fn read(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
    match rustix::io::read(socket, buffer) {
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes what is taken at once; `None` if nothing is (as before the connection stands).
pub(crate) fn write(socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<Option<usize>, Errno> {
    match net::send(socket, bytes, net::SendFlags::NOSIGNAL) {
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{connecting_from, listening, local_address};

    #[test]
    fn a_connection_comes_from_the_address_that_it_is_to_come_from() {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = listening(here, 2).unwrap_or_else(|error| panic!("{error}"));
        let target = local_address(&listener).unwrap_or_else(|error| panic!("{error}"));
        for origin in [[127, 128, 0, 1], [127, 128, 3, 232]] {
            let client = connecting_from(Some(SocketAddr::from((origin, 0))), target);
            let from =
                client.and_then(|client| local_address(&client)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(from.ip(), SocketAddr::from((origin, 0)).ip());
            assert_ne!(from.port(), 0);
        }
    }
}
