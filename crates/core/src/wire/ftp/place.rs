//! The place that a reply names: found only where there is exactly one, written in the one form that the RFCs
//! know; everything else in the reply is text.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

/// Below this no server takes ports for data connections; a reply that names one wants something else.
const LOWEST_PORT: u16 = 1024;

/// Where a reply says that the node waits. Of its address nothing is taken over: nobody is connected to a
/// machine because a reply says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// In reply to `PASV`: 227 with an IPv4 address and a port.
    Passive {
        /// The node's port.
        port: u16,
    },
    /// In reply to `EPSV`: 229 with a port.
    Extended {
        /// The node's port.
        port: u16,
    },
}

/// What a reply announces, and where in its text.
pub(super) struct Found {
    pub(super) announced: Announced,
    at: Range<usize>,
}

impl Found {
    /// Puts another place in; nothing where the form cannot say it.
    pub(super) fn replace(&self, reply: &mut Vec<u8>, address: SocketAddr) {
        let port = address.port();
        let text = match (self.announced, address) {
            (Announced::Extended { .. }, _) => port.to_string(),
            (Announced::Passive { .. }, SocketAddr::V4(v4)) => written(*v4.ip(), port),
            (Announced::Passive { .. }, SocketAddr::V6(_)) => return,
        };
        reply.splice(self.at.clone(), text.into_bytes());
    }
}

fn written(address: Ipv4Addr, port: u16) -> String {
    let [a, b, c, d] = address.octets();
    format!("{a},{b},{c},{d},{},{}", port >> 8, port & 0xFF)
}

/// `h1,h2,h3,h4,p1,p2`, with or without parentheses (RFC 1123, 4.1.2.6: do not count on them).
pub(super) fn passive(reply: &[u8]) -> Option<Found> {
    let part = |byte: &u8| byte.is_ascii_digit() || *byte == b',';
    let mut found = None;
    let mut from = 4;
    while let Some(start) = reply.iter().skip(from).position(part).map(|at| at + from) {
        let end = reply.iter().skip(start).position(|byte| !part(byte)).map_or(reply.len(), |at| at + start);
        if let Some(port) = six_numbers(&reply[start..end]) {
            if found.is_some() {
                return None;
            }
            found = Some(Found { announced: Announced::Passive { port }, at: start..end });
        }
        from = end;
    }
    found.filter(|found| is_usable(found.announced))
}

/// The port of six numbers of one byte each.
fn six_numbers(text: &[u8]) -> Option<u16> {
    let mut numbers = [0u8; 6];
    let mut count = 0;
    for part in text.split(|byte| *byte == b',') {
        *numbers.get_mut(count)? = u8::try_from(number(part, 3)?).ok()?;
        count += 1;
    }
    (count == 6).then(|| u16::from_be_bytes([numbers[4], numbers[5]]))
}

/// `(|||port|)`, with any delimiter (RFC 2428, 3).
pub(super) fn extended(reply: &[u8]) -> Option<Found> {
    let mut found = None;
    for open in reply.iter().enumerate().filter(|(_, byte)| **byte == b'(').map(|(at, _)| at) {
        let Some([a, b, c, rest @ ..]) = reply.get(open + 1..) else { continue };
        if a != b || b != c || !(33..=126).contains(a) || a.is_ascii_digit() {
            continue;
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let port = number(&rest[..digits], 5).and_then(|port| u16::try_from(port).ok());
        if let (Some(port), Some([close, b')'])) = (port, rest.get(digits..digits + 2))
            && close == a
        {
            if found.is_some() {
                return None;
            }
            let start = open + 4;
            found = Some(Found { announced: Announced::Extended { port }, at: start..start + digits });
        }
    }
    found.filter(|found| is_usable(found.announced))
}

fn is_usable(announced: Announced) -> bool {
    let (Announced::Passive { port } | Announced::Extended { port }) = announced;
    port >= LOWEST_PORT
}

fn number(text: &[u8], digits: usize) -> Option<u32> {
    if text.is_empty() || text.len() > digits || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}
