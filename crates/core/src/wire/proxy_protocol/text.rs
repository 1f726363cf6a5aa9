//! Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`, at most 107 bytes in all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, Malformed};
use crate::wire::Parse;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// The longest line, its end included (section 2.1).
const LONGEST: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Result<Parse<Header>, Malformed> {
    let window = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = window.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return unended(window);
    };
    match (window[end], window.get(end + 1)) {
        (b'\r', Some(b'\n')) => {
            let value = line(&window[SIGNATURE.len()..end])?;
            Ok(Parse::Complete { value, used: end + 2 })
        }
        (b'\r', None) => unended(window),
        _ => Err(Malformed::NoLineEnd),
    }
}

fn unended(window: &[u8]) -> Result<Parse<Header>, Malformed> {
    if window.len() < LONGEST {
        Ok(Parse::Incomplete { needed: window.len() + 1 })
    } else {
        Err(Malformed::NoLineEnd)
    }
}

/// What stands between the signature and the line's end.
fn line(line: &[u8]) -> Result<Header, Malformed> {
    let mut fields = line.split(|byte| *byte == b' ');
    let address: fn(&str) -> Option<IpAddr> = match fields.next() {
        Some(b"TCP4") => |text| Some(text.parse::<Ipv4Addr>().ok()?.into()),
        Some(b"TCP6") => |text| Some(text.parse::<Ipv6Addr>().ok()?.into()),
        // Whatever follows is to be ignored.
        Some(b"UNKNOWN") => return Ok(Header::Own),
        _ => return Err(Malformed::Protocol),
    };
    let mut field = || fields.next().ok_or(Malformed::Fields);
    let (source, destination, from, to) = (field()?, field()?, field()?, field()?);
    if fields.next().is_some() {
        return Err(Malformed::Fields);
    }
    let end = |ip, port_field| {
        let ip = std::str::from_utf8(ip).ok().and_then(address).ok_or(Malformed::Address)?;
        Ok(SocketAddr::new(ip, port(port_field).ok_or(Malformed::Port)?))
    };
    Ok(Header::Proxied { source: end(source, from)?, destination: end(destination, to)? })
}

/// Plain digits without zeros before them: what `parse` takes besides is no port in this protocol.
fn port(field: &[u8]) -> Option<u16> {
    if !field.iter().all(u8::is_ascii_digit) || (field.len() > 1 && field[0] == b'0') {
        return None;
    }
    std::str::from_utf8(field).ok()?.parse().ok()
}

pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let Some((source, destination)) = ends else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let family = if source.is_ipv4() { 4 } else { 6 };
    let (from, to) = (plain(source.ip()), plain(destination.ip()));
    format!("PROXY TCP{family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

/// In hexadecimal groups alone: some readers know no IPv4 address at an IPv6 address's end.
fn plain(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            let [.., high, low] = v6.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        other => other.to_string(),
    }
}
