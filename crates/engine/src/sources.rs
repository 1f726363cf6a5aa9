//! The address that nodes see (law 11): the kernel's choice, one of a cluster's own in turn, or the client's.
//!
//! One address has so many ports for the connections to one node. With several, each is bound without taking a
//! port (`IP_BIND_ADDRESS_NO_PORT`), so that the connect chooses one that is free towards this node; where none
//! is, the next address is tried, and only with the last one ports are short.
//!
//! An address leads to nodes of its own family. For those of the other one the kernel chooses: a client on IPv6
//! cannot be seen as such by a node on IPv4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use protobalance_core::hash::mix;
use rustix::io::Errno;
use rustix::net::bind;

use crate::bind::unbound;
use crate::connect::{NodeAddress, NotBegun, Then, start, tcp};
use crate::spec::ClusterSpec;
use crate::sys::{bind_address_without_port, transparent};

/// Where a cluster's connections to its nodes come from.
#[derive(Debug)]
pub(crate) enum Sources {
    /// From wherever the kernel says.
    Kernel,
    /// From these in turn.
    Pool(Pool),
    /// From the client's own address.
    Client,
}

/// A cluster's own addresses, by family.
#[derive(Debug)]
pub(crate) struct Pool {
    v4: Box<[IpAddr]>,
    v6: Box<[IpAddr]>,
    turn: AtomicU32,
}

/// For whom a connection is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) client: IpAddr,
    /// Whether all connections of a client are to come from one address, if that has ports: servers of FTP
    /// want the control connection and its data connections to.
    pub(crate) steady: bool,
    pub(crate) then: Then,
}

impl Sources {
    /// Of a cluster; an error where this process or this machine cannot do what it wants.
    pub(crate) fn new(spec: &ClusterSpec) -> Result<Sources, String> {
        if spec.transparent {
            may_be_transparent().map_err(|error| match error {
                Errno::PERM => {
                    "transparent: needs CAP_NET_ADMIN or CAP_NET_RAW, which this process has not: run \
                                it as root, or give it one (systemd: AmbientCapabilities=CAP_NET_RAW)"
                        .to_owned()
                }
                error => format!("transparent: {error}"),
            })?;
            return Ok(Sources::Client);
        }
        if spec.source_addresses.is_empty() {
            return Ok(Sources::Kernel);
        }
        let mut addresses = Vec::new();
        for text in &spec.source_addresses {
            let address: IpAddr =
                text.parse().map_err(|_| format!("source_addresses: {text:?} is no numeric address"))?;
            is_ours(address).map_err(|error| match error {
                Errno::ADDRNOTAVAIL => {
                    format!("source_addresses: {text} is no address of this machine: add it to an interface")
                }
                error => format!("source_addresses: {text}: {error}"),
            })?;
            addresses.push(address);
        }
        let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
        Ok(Sources::Pool(Pool { v4: v4.into(), v6: v6.into(), turn: AtomicU32::new(0) }))
    }

    /// Begins a connect.
    pub(crate) fn start(&self, address: &NodeAddress, asker: Asker) -> Result<OwnedFd, NotBegun> {
        let NodeAddress::Tcp(to) = address else { return start(address, asker.then) };
        match self {
            Sources::Pool(pool) => Ok(pool.connect(*to, asker)?),
            Sources::Client if asker.client.is_ipv4() == to.is_ipv4() => {
                Ok(through(*to, asker.client, true, asker.then)?)
            }
            Sources::Client | Sources::Kernel => start(address, asker.then),
        }
    }
}

impl Pool {
    fn connect(&self, to: SocketAddr, asker: Asker) -> Result<OwnedFd, Errno> {
        let own = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        if own.is_empty() {
            return tcp(to, asker.then, |_| Ok(()));
        }
        let first = if asker.steady { hash(asker.client) } else { self.turn.fetch_add(1, Relaxed) };
        let mut outcome = Err(Errno::ADDRNOTAVAIL);
        for step in 0..own.len() {
            outcome = through(to, own[(first as usize + step) % own.len()], false, asker.then);
            if !matches!(outcome, Err(Errno::ADDRNOTAVAIL)) {
                break;
            }
        }
        outcome
    }
}

fn hash(client: IpAddr) -> u32 {
    let bits = match client {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() as u64 ^ (v6.to_bits() >> 64) as u64,
    };
    (mix(bits) >> 32) as u32
}

fn through(to: SocketAddr, source: IpAddr, foreign: bool, then: Then) -> Result<OwnedFd, Errno> {
    tcp(to, then, |socket| {
        if foreign {
            transparent(socket, to.is_ipv4())?;
        }
        bind_address_without_port(socket)?;
        bind(socket, &SocketAddr::new(source, 0))
    })
}

fn is_ours(address: IpAddr) -> Result<(), Errno> {
    let socket = unbound(SocketAddr::new(address, 0))?;
    bind(socket, &SocketAddr::new(address, 0))
}

fn may_be_transparent() -> Result<(), Errno> {
    transparent(&unbound(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))?, true)?;
    match unbound(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0)) {
        Ok(socket) => transparent(&socket, false),
        // A machine without IPv6 has no clients on it.
        Err(Errno::AFNOSUPPORT) => Ok(()),
        Err(error) => Err(error),
    }
}
