//! Version 2: twelve bytes of signature, version and command, family and transport, the length of the
//! rest; then the addresses of the family, then extensions (type, length, value).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::checksum::crc32c;
use super::{Header, LONGEST, Malformed};
use crate::wire::Parse;

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;
const TCP4: u8 = 0x11;
const UDP4: u8 = 0x12;
const TCP6: u8 = 0x21;
const UDP6: u8 = 0x22;
const UNIX_STREAM: u8 = 0x31;
const UNIX_DATAGRAM: u8 = 0x32;
/// The extension that holds a CRC-32C of the whole header.
const CHECKSUM: u8 = 0x03;

pub(super) fn parse(bytes: &[u8]) -> Result<Parse<Header>, Malformed> {
    let command = bytes.get(12).copied();
    if let Some(command) = command {
        check_command(command)?;
    }
    // A connection of the sender's own has no addresses, whatever the family says.
    let family = bytes.get(13).copied().map(|family| if command == Some(LOCAL) { 0 } else { family });
    let least = family.map(length_of_addresses).transpose()?;
    let (Some(family), Some(least), Some(length)) = (family, least, bytes.get(14..FIXED)) else {
        return Ok(Parse::Incomplete { needed: FIXED });
    };
    let used = FIXED + usize::from(u16::from_be_bytes([length[0], length[1]]));
    if used - FIXED < least {
        return Err(Malformed::Short);
    }
    if used > LONGEST {
        return Err(Malformed::Long);
    }
    let Some(header) = bytes.get(..used) else {
        return Ok(Parse::Incomplete { needed: used });
    };
    if family != UNSPECIFIED {
        check_extensions(header, FIXED + least)?;
    }
    Ok(Parse::Complete { value: addresses(family, &header[FIXED..]), used })
}

fn check_command(byte: u8) -> Result<(), Malformed> {
    match byte {
        LOCAL | PROXY => Ok(()),
        other if other >> 4 == 2 => Err(Malformed::Command),
        _ => Err(Malformed::Version),
    }
}

fn length_of_addresses(family: u8) -> Result<usize, Malformed> {
    match family {
        UNSPECIFIED => Ok(0),
        TCP4 | UDP4 => Ok(12),
        TCP6 | UDP6 => Ok(36),
        UNIX_STREAM | UNIX_DATAGRAM => Ok(216),
        _ => Err(Malformed::Family),
    }
}

/// Datagrams and Unix sockets are no TCP clients: what they call addresses is none here.
fn addresses(family: u8, block: &[u8]) -> Header {
    let port = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
    match family {
        TCP4 => {
            let ip = |at: usize| Ipv4Addr::from([block[at], block[at + 1], block[at + 2], block[at + 3]]);
            proxied(SocketAddr::new(ip(0).into(), port(8)), SocketAddr::new(ip(4).into(), port(10)))
        }
        TCP6 => {
            let ip = |at: usize| {
                let mut octets = [0; 16];
                octets.copy_from_slice(&block[at..at + 16]);
                Ipv6Addr::from(octets)
            };
            proxied(SocketAddr::new(ip(0).into(), port(32)), SocketAddr::new(ip(16).into(), port(34)))
        }
        _ => Header::Own,
    }
}

fn proxied(source: SocketAddr, destination: SocketAddr) -> Header {
    Header::Proxied { source, destination }
}

/// Unknown extensions are skipped; each must end where the next one or the header's end is.
fn check_extensions(header: &[u8], start: usize) -> Result<(), Malformed> {
    let mut at = start;
    while at < header.len() {
        let [kind, high, low] = *header.get(at..at + 3).ok_or(Malformed::Extension)? else {
            return Err(Malformed::Extension);
        };
        let value = at + 3;
        at = value + usize::from(u16::from_be_bytes([high, low]));
        let bytes = header.get(value..at).ok_or(Malformed::Extension)?;
        if kind == CHECKSUM {
            check_checksum(header, value, bytes)?;
        }
    }
    Ok(())
}

/// The checksum is that of the header with zeros in its place.
fn check_checksum(header: &[u8], at: usize, claimed: &[u8]) -> Result<(), Malformed> {
    let claimed: [u8; 4] = claimed.try_into().map_err(|_| Malformed::Extension)?;
    let around = header[..at].iter().chain(&[0; 4]).chain(&header[at + 4..]);
    if crc32c(around.copied()) == u32::from_be_bytes(claimed) { Ok(()) } else { Err(Malformed::Checksum) }
}

pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    match ends {
        Some((SocketAddr::V4(source), SocketAddr::V4(destination))) => {
            header.extend([PROXY, TCP4, 0, 12]);
            header.extend(source.ip().octets());
            header.extend(destination.ip().octets());
        }
        Some((SocketAddr::V6(source), SocketAddr::V6(destination))) => {
            header.extend([PROXY, TCP6, 0, 36]);
            header.extend(source.ip().octets());
            header.extend(destination.ip().octets());
        }
        _ => {
            header.extend([LOCAL, UNSPECIFIED, 0, 0]);
            return header;
        }
    }
    if let Some((source, destination)) = ends {
        header.extend(source.port().to_be_bytes());
        header.extend(destination.port().to_be_bytes());
    }
    header
}
