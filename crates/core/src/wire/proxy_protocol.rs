//! The PROXY protocol, versions 1 and 2: a header before the first byte of a connection that says whose
//! connection it is. After HAProxy's "The PROXY protocol", 2020/03/05, sections 2.1 and 2.2.
//!
//! Strict: what the specification does not allow is refused, since a guess would be believed as an
//! address. Whether the sender may be believed at all is for the caller to know.

mod binary;
mod checksum;
mod text;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Parse;

/// The longest header that is read, in bytes. A version 1 header ends within 107 of them; version 2
/// allows 65,551, of which addresses take 52 and extensions with certificates a few thousand.
pub const LONGEST: usize = 16 * 1024;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The connection is the sender's own (a health check), or no TCP connection: its own addresses count.
    Own,
    /// It is made for another.
    Proxied {
        /// Whose connection it is.
        source: SocketAddr,
        /// Where that one connected to.
        destination: SocketAddr,
    },
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One line of text.
    V1,
    /// Binary.
    V2,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They begin with neither version's signature.
    NoHeader,
    /// Version 1: no CR LF within 107 bytes, or one without the other.
    NoLineEnd,
    /// Version 1: neither TCP4, TCP6 nor UNKNOWN.
    Protocol,
    /// Version 1: not four fields behind the protocol, each after one space.
    Fields,
    /// Version 1: not an address of the family.
    Address,
    /// Version 1: not a port from 0 to 65535 in plain digits.
    Port,
    /// Version 2: a version other than 2.
    Version,
    /// Version 2: neither LOCAL nor PROXY.
    Command,
    /// Version 2: no pair of family and transport that the protocol knows.
    Family,
    /// Version 2: too short for the family's addresses.
    Short,
    /// Version 2: longer than [`LONGEST`].
    Long,
    /// Version 2: an extension that does not fit into the header.
    Extension,
    /// Version 2: the checksum is another one's.
    Checksum,
}

impl Malformed {
    /// Why, in words for a log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Malformed::NoHeader => "no PROXY header",
            Malformed::NoLineEnd => "a PROXY v1 header without CR LF within 107 bytes",
            Malformed::Protocol => "a PROXY v1 header of a protocol other than TCP4, TCP6 and UNKNOWN",
            Malformed::Fields => "a PROXY v1 header without its four fields",
            Malformed::Address => "a PROXY v1 header with a malformed address",
            Malformed::Port => "a PROXY v1 header with a malformed port",
            Malformed::Version => "a PROXY v2 header of another version",
            Malformed::Command => "a PROXY v2 header with an unknown command",
            Malformed::Family => "a PROXY v2 header of an unknown family",
            Malformed::Short => "a PROXY v2 header shorter than its addresses",
            Malformed::Long => "a PROXY v2 header that is too long",
            Malformed::Extension => "a PROXY v2 header with a malformed extension",
            Malformed::Checksum => "a PROXY v2 header with a wrong checksum",
        }
    }
}

/// Reads the header that `bytes` begin with.
///
/// # Errors
/// As soon as no continuation could make it one.
pub fn parse(bytes: &[u8]) -> Result<Parse<Header>, Malformed> {
    match (begins(bytes, text::SIGNATURE), begins(bytes, binary::SIGNATURE)) {
        (Some(true), _) => text::parse(bytes),
        (_, Some(true)) => binary::parse(bytes),
        (None, None) => Err(Malformed::NoHeader),
        _ => Ok(Parse::Incomplete { needed: bytes.len() + 1 }),
    }
}

/// The header for a connection from `source` to `destination`; `None` for a connection of our own.
#[must_use]
pub fn write(version: Version, ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let ends = ends.map(|(source, destination)| of_one_family(source, destination));
    match version {
        Version::V1 => text::write(ends),
        Version::V2 => binary::write(ends),
    }
}

/// Whether the bytes begin so; `Some(false)` if they are too few to tell, `None` if they do not.
fn begins(bytes: &[u8], signature: &[u8]) -> Option<bool> {
    let common = bytes.len().min(signature.len());
    (bytes[..common] == signature[..common]).then_some(common == signature.len())
}

/// A header has one family: IPv4 if both addresses are, mapped or not, else IPv6.
fn of_one_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let with = |address: SocketAddr, ip| SocketAddr::new(ip, address.port());
    match (source.ip().to_canonical(), destination.ip().to_canonical()) {
        (from @ IpAddr::V4(_), to @ IpAddr::V4(_)) => (with(source, from), with(destination, to)),
        (from, to) => (with(source, IpAddr::V6(as_v6(from))), with(destination, IpAddr::V6(as_v6(to)))),
    }
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}
