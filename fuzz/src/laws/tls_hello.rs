//! A ClientHello names the same server however it is cut, into segments or into records, and a name is one
//! that a host can have.

use protobalance_core::wire::Parse;
use protobalance_core::wire::tls_hello::{LONGEST, parse};

use crate::cuts::parse_in_cuts;

const RECORD_HEADER: usize = 5;

pub(crate) fn holds(bytes: &[u8]) {
    let Ok(Parse::Complete { value, used }) = parse_in_cuts(bytes, LONGEST, parse) else { return };
    if let Some(name) = &value.server_name {
        assert!((1..=253).contains(&name.len()));
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        assert!(name.bytes().all(fits), "{name:?}");
    }
    let message = message(&bytes[..used]);
    for size in [1, 7, 1 << 14] {
        let again = in_records(&message, size);
        if again.len() <= LONGEST {
            let Ok(Parse::Complete { value: same, .. }) = parse(&again) else { panic!("records of {size}") };
            assert_eq!(same, value, "in records of {size}");
        }
    }
}

/// The handshake message in the records; of the last record nothing but what belongs to it.
fn message(mut records: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    while records.len() > RECORD_HEADER {
        let (header, rest) = records.split_at(RECORD_HEADER);
        let length = usize::from(u16::from_be_bytes([header[3], header[4]])).min(rest.len());
        message.extend_from_slice(&rest[..length]);
        records = &rest[length..];
    }
    let length =
        message.get(1..4).map_or(0, |length| u32::from_be_bytes([0, length[0], length[1], length[2]]));
    message.truncate(4 + length as usize);
    message
}

fn in_records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |piece: &[u8]| [&[22, 3, 1][..], &(piece.len() as u16).to_be_bytes(), piece].concat();
    message.chunks(size).flat_map(record).collect()
}
