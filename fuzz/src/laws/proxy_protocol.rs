//! A PROXY header of either version says the same however it is cut, and when it is written anew.

use std::net::SocketAddr;

use protobalance_core::wire::Parse;
use protobalance_core::wire::proxy_protocol::{Header, LONGEST, Version, parse, write};

use crate::cuts::parse_in_cuts;

pub(crate) fn holds(bytes: &[u8]) {
    let Ok(Parse::Complete { value, used }) = parse_in_cuts(bytes, LONGEST, parse) else { return };
    let ends = match value {
        Header::Own => None,
        Header::Proxied { source, destination } => Some((source, destination)),
    };
    if let (true, Some((from, to))) = (bytes.starts_with(b"PROXY"), ends) {
        let said = format!(" {} {}\r\n", from.port(), to.port());
        assert!(bytes[..used].ends_with(said.as_bytes()), "ports are what was written");
    }
    for version in [Version::V1, Version::V2] {
        let written = write(version, ends);
        let Ok(Parse::Complete { value, used }) = parse(&written) else { panic!("{written:?}") };
        assert_eq!(used, written.len());
        let again = match value {
            Header::Own => None,
            Header::Proxied { source, destination } => Some((source, destination)),
        };
        let plain = |end: SocketAddr| (end.ip().to_canonical(), end.port());
        let plain = |ends: Option<(_, _)>| ends.map(|(from, to)| (plain(from), plain(to)));
        assert_eq!(plain(again), plain(ends), "written as {version:?}");
    }
}
