//! The pool of data ports is the kernel's: a port is free if it can be bound and listened on. So workers, and
//! balancers, share a range without asking each other.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{bind, listen};

use crate::bind::unbound;

/// Ports tried for one reply. All of a range of so many; of a larger one that is all but full, most likely
/// one that is free.
const TRIES: u32 = 256;
/// One client connects, once; room for a few strangers, that they keep it from nothing.
const BACKLOG: i32 = 8;

/// A socket that listens at one of the ports, and which; `None` if none is free.
pub(super) fn listen_at_one(address: IpAddr, ports: (u16, u16), random: u64) -> Option<(OwnedFd, u16)> {
    let count = u32::from(ports.1 - ports.0) + 1;
    let start = (random % u64::from(count)) as u32;
    for step in 0..count.min(TRIES) {
        let port = ports.0 + ((start + step * stride(count)) % count) as u16;
        match listen_at(SocketAddr::new(address, port)) {
            Ok(socket) => return Some((socket, port)),
            // Somebody's: we look on. A low one may be forbidden; so are the others, perhaps not all.
            Err(Errno::ADDRINUSE | Errno::ACCESS) => {}
            Err(_) => return None,
        }
    }
    None
}

/// Far from one try to the next, for taken ports stand in rows; and round the whole range, so coprime to it.
fn stride(count: u32) -> u32 {
    [7919, 104_729].into_iter().find(|prime| !count.is_multiple_of(*prime)).unwrap_or(1)
}

fn listen_at(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    // Without `SO_REUSEPORT`: a port is one session's alone.
    let socket = unbound(address)?;
    bind(&socket, &address)?;
    // Another may have bound it as well: who listens first has it.
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_port_of_a_small_range_is_found_and_then_none() {
        let address: IpAddr = "127.0.53.1".parse().expect("loopback");
        // Nobody else's address; the ports differ with each process all the same.
        let first = 10_000 + (std::process::id() % 20_000) as u16;
        let ports = (first, first + 149);
        let held: Vec<_> = (0..150).map_while(|round| listen_at_one(address, ports, round * 31)).collect();
        let found: HashSet<u16> = held.iter().map(|(_, port)| *port).collect();
        assert_eq!(
            (found.len(), found.iter().min(), found.iter().max()),
            (150, Some(&ports.0), Some(&ports.1))
        );
        assert!(listen_at_one(address, ports, 5).is_none());
        drop(held);
        assert!(listen_at_one(address, ports, 5).is_some());
    }

    #[test]
    fn a_stride_visits_every_port() {
        for count in [1, 2, 150, 7919, 15_838, 65_535] {
            let seen: HashSet<u32> = (0..count).map(|step| (step * stride(count)) % count).collect();
            assert_eq!(seen.len() as u32, count);
        }
    }
}
