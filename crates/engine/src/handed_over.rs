//! Listening sockets that were open before the engine was. Each goes to the listener that wants its
//! address; one that nobody wants is closed, for it would hold connections that nobody takes.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use crate::bind::local_address;

/// One socket, opened by the service manager or by a process before this one.
#[derive(Debug)]
pub(crate) struct HandedOver {
    /// The listener that had it; empty if none had. It finds again the port that the kernel once
    /// chose for that listener.
    pub(crate) listener: String,
    pub(crate) socket: OwnedFd,
}

impl HandedOver {
    /// The socket's address, if it is what the listener wants where it wants `address`.
    fn answers(&self, listener: &str, address: SocketAddr) -> Option<SocketAddr> {
        let bound = local_address(&self.socket).ok()?;
        let chosen = address.port() == 0 && bound.ip() == address.ip() && self.listener == listener;
        (bound == address || chosen).then_some(bound)
    }
}

/// Those that no listener has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Unclaimed(Vec<HandedOver>);

impl Unclaimed {
    pub(crate) fn new(sockets: Vec<HandedOver>) -> Unclaimed {
        Unclaimed(sockets)
    }

    /// All sockets of the address that the listener wants, and that address as bound.
    pub(crate) fn take(&mut self, listener: &str, address: SocketAddr) -> Option<(SocketAddr, Vec<OwnedFd>)> {
        let bound = self.0.iter().find_map(|old| old.answers(listener, address))?;
        let of_address = |old: &HandedOver| local_address(&old.socket) == Ok(bound);
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition::<Vec<_>, _>(of_address);
        self.0 = left;
        Some((bound, taken.into_iter().map(|old| old.socket).collect()))
    }

    /// Closes what is left; its addresses.
    pub(crate) fn close(&mut self) -> Vec<String> {
        let name = |unused: HandedOver| {
            local_address(&unused.socket).map_or("?".into(), |address| address.to_string())
        };
        let mut addresses: Vec<String> = std::mem::take(&mut self.0).into_iter().map(name).collect();
        addresses.dedup();
        addresses
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_finds_its_address_or_the_port_once_chosen_for_it() {
        let sockets: Vec<TcpListener> =
            (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a socket")).collect();
        let at: Vec<SocketAddr> =
            sockets.iter().map(|socket| socket.local_addr().expect("an address")).collect();
        let handed_over = |(listener, socket): (&str, TcpListener)| HandedOver {
            listener: listener.to_owned(),
            socket: socket.into(),
        };
        let again = sockets[1].try_clone().expect("a second descriptor");
        let mut names = ["a", "b", ""].into_iter().zip(sockets).map(handed_over).collect::<Vec<_>>();
        names.push(handed_over(("b", again)));
        let mut unclaimed = Unclaimed::new(names);
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let (bound, taken) = unclaimed.take("b", any).expect("the one it had");
        assert_eq!((bound, taken.len()), (at[1], 2));
        assert!(unclaimed.take("b", any).is_none());
        assert!(unclaimed.take("c", any).is_none());
        assert!(unclaimed.take("a", "127.0.0.2:0".parse().expect("an address")).is_none());
        assert_eq!(unclaimed.take("c", at[2]).map(|(bound, _)| bound), Some(at[2]));
        assert_eq!(unclaimed.close(), [at[0].to_string()]);
    }
}
