//! Listening sockets. Each address is bound once per worker (`SO_REUSEPORT`), so that the kernel
//! spreads connections evenly, and kept for as long as any plan listens there: closing one of a
//! group would drop the connections in its queue. For the same reason each has a worker that reads
//! it, however many were handed over.
//!
//! Options set here are inherited by accepted connections, which then need no calls of their own.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, ipproto, listen, socket_with, sockopt,
};

use crate::error::EngineError;
use crate::spec::ListenerSpec;

/// One bound address: a socket for each worker; fewer where the service manager bound it without
/// `SO_REUSEPORT`; more where a process with more workers did.
#[derive(Debug)]
pub(crate) struct Bound {
    /// As bound: a port the kernel chose is filled in.
    pub(crate) address: SocketAddr,
    sockets: Vec<OwnedFd>,
    workers: usize,
}

impl Bound {
    /// The places of the sockets that a worker watches: each socket has a worker, each worker a
    /// socket.
    pub(crate) fn watched_by(&self, worker: usize) -> impl Iterator<Item = usize> + use<> {
        let (sockets, workers) = (self.sockets.len(), self.workers);
        (worker..sockets.max(workers)).step_by(workers).map(move |place| place % sockets)
    }

    pub(crate) fn socket(&self, place: usize) -> BorrowedFd<'_> {
        self.sockets[place].as_fd()
    }

    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(AsFd::as_fd)
    }

    /// Whether several workers wait on one socket.
    pub(crate) fn shared(&self) -> bool {
        self.sockets.len() < self.workers
    }

    /// Binds and listens, once per worker.
    pub(crate) fn new(
        address: SocketAddr,
        workers: usize,
        spec: &ListenerSpec,
    ) -> Result<Bound, EngineError> {
        // `SO_REUSEPORT` would let us join another balancer of the same user unawares.
        drop(open_alone(address).map_err(|error| EngineError::bind(&spec.name, address, error))?);
        Bound::beside(address, workers, spec)
    }

    /// The same for an address of which a part is ours: what we hold keeps others off already.
    pub(crate) fn beside(
        address: SocketAddr,
        workers: usize,
        spec: &ListenerSpec,
    ) -> Result<Bound, EngineError> {
        let refused = |error| EngineError::bind(&spec.name, address, error);
        let first = open(address).map_err(refused)?;
        let address = local_address(&first).map_err(refused)?;
        let mut sockets = vec![first];
        for _ in 1..workers {
            sockets.push(open(address).map_err(refused)?);
        }
        let bound = Bound { address, sockets, workers };
        bound.configure(spec).map_err(refused)?;
        Ok(bound)
    }

    /// Takes over the sockets of one address, and joins them if they let us.
    pub(crate) fn adopted(
        address: SocketAddr,
        mut sockets: Vec<OwnedFd>,
        workers: usize,
        spec: &ListenerSpec,
    ) -> Result<Bound, EngineError> {
        let refused = |error| EngineError::bind(&spec.name, address, error);
        for socket in &sockets {
            rustix::io::ioctl_fionbio(socket, true).map_err(refused)?;
        }
        let joinable = sockets.iter().all(|socket| sockopt::socket_reuseport(socket).unwrap_or(false));
        while joinable && sockets.len() < workers {
            // Another user's sockets cannot be joined: then workers share those there are.
            let Ok(socket) = open(address) else { break };
            sockets.push(socket);
        }
        let bound = Bound { address, sockets, workers };
        bound.configure(spec).map_err(refused)?;
        Ok(bound)
    }

    /// Applies the listener's settings; also to a socket that has been listening for long.
    pub(crate) fn configure(&self, spec: &ListenerSpec) -> rustix::io::Result<()> {
        for socket in &self.sockets {
            keep_alive(socket, spec.keepalive_ms, spec.user_timeout_ms)?;
            // Small answers leave at once; inherited, so it costs no call per connection.
            sockopt::set_tcp_nodelay(socket, true)?;
            // An urgent byte that comes before we look is then read as data, not lost.
            sockopt::set_socket_oobinline(socket, true)?;
            listen(socket, i32::try_from(spec.backlog).unwrap_or(i32::MAX))?;
        }
        Ok(())
    }
}

/// Sets how a silent or stuck peer is noticed; zero leaves the kernel's ways.
pub(crate) fn keep_alive(
    socket: impl AsFd,
    keepalive_ms: u64,
    user_timeout_ms: u64,
) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(&socket, keepalive_ms > 0)?;
    if keepalive_ms > 0 {
        let idle = Duration::from_millis(keepalive_ms).max(Duration::from_secs(1));
        sockopt::set_tcp_keepidle(&socket, idle)?;
        // Four probes within half the idle time decide.
        sockopt::set_tcp_keepintvl(&socket, (idle / 8).max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepcnt(&socket, 4)?;
    }
    sockopt::set_tcp_user_timeout(&socket, u32::try_from(user_timeout_ms).unwrap_or(u32::MAX))
}

/// The numeric addresses that one `bind` of the specification names.
pub(crate) fn addresses(bind: &str) -> Result<Vec<SocketAddr>, String> {
    let expected = || format!("{bind:?} is no address:port or address:first-last with a numeric address");
    let (host, ports) = bind.rsplit_once(':').ok_or_else(expected)?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last): (u16, u16) =
        (first.parse().map_err(|_| expected())?, last.parse().map_err(|_| expected())?);
    if last < first {
        return Err(format!("{bind:?} ends before it begins"));
    }
    (first..=last).map(|port| format!("{host}:{port}").parse().map_err(|_| expected())).collect()
}

/// Whether some connection could arrive at either: one is every address of its family at this port.
pub(crate) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && one.is_ipv4() == other.is_ipv4()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

pub(crate) fn local_address(socket: impl AsFd) -> rustix::io::Result<SocketAddr> {
    SocketAddr::try_from(getsockname(socket)?).map_err(|_| rustix::io::Errno::AFNOSUPPORT)
}

/// A socket of the group that listens on the address.
fn open(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let socket = unbound(address)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    bind(&socket, &address)?;
    Ok(socket)
}

/// A socket that can be bound only while nobody listens on the address.
fn open_alone(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let socket = unbound(address)?;
    bind(&socket, &address)?;
    Ok(socket)
}

pub(crate) fn unbound(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // "[::]:80" and "0.0.0.0:80" are two addresses, on every host alike.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::{Bound, addresses, overlap};

    #[test]
    fn the_wildcard_overlaps_every_address_of_its_family_at_its_port() {
        for (one, other, both) in [
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::1]:80", "[::]:80", true),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.2:80", "127.0.0.1:80", false),
            ("0.0.0.0:80", "127.0.0.1:81", false),
            ("0.0.0.0:80", "[::1]:80", false),
        ] {
            let (one, other) = (one.parse().expect("address"), other.parse().expect("address"));
            assert_eq!((overlap(one, other), overlap(other, one)), (both, both), "{one} {other}");
        }
    }

    #[test]
    fn each_socket_has_a_worker_and_each_worker_a_socket() {
        for (sockets, workers) in [(1, 1), (1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (9, 2)] {
            let open = || std::net::TcpListener::bind("127.0.0.1:0").expect("a socket").into();
            let bound = Bound {
                address: ([127, 0, 0, 1], 0).into(),
                sockets: (0..sockets).map(|_| open()).collect(),
                workers,
            };
            let watched: Vec<Vec<usize>> =
                (0..workers).map(|worker| bound.watched_by(worker).collect()).collect();
            assert!(watched.iter().all(|places| !places.is_empty()), "{sockets} {workers}: {watched:?}");
            let mut readers = vec![0; sockets];
            watched.iter().flatten().for_each(|place| readers[*place] += 1);
            assert!(readers.iter().all(|count| *count > 0), "{sockets} {workers}: {watched:?}");
            assert_eq!(bound.shared(), readers.iter().any(|count| *count > 1), "{sockets} {workers}");
        }
    }

    #[test]
    fn a_bind_names_one_address_or_a_range() {
        assert_eq!(addresses("127.0.0.1:80").expect("one").len(), 1);
        assert_eq!(addresses("[::1]:30000-30099").expect("range").len(), 100);
        for wrong in ["80", "localhost:80", "1.2.3.4:65536", "1.2.3.4:9-8", "::1:80:x", ""] {
            assert!(addresses(wrong).is_err(), "{wrong}");
        }
    }
}
