//! Replies of FTP pass byte for byte where nothing is put in, whatever is put in they pass alike however they
//! are cut, and never more than a bounded piece is held.

use std::net::SocketAddr;

use protobalance_core::wire::ftp::{LONGEST, Placed, Replies};

pub(crate) fn holds(bytes: &[u8]) {
    let place = SocketAddr::from(([192, 0, 2, 7], 40_000));
    assert_eq!(passed(bytes, bytes.len().max(1), Placed::Untouched), bytes, "untouched");
    for placed in [Placed::At(place), Placed::Nowhere] {
        let whole = passed(bytes, bytes.len().max(1), placed);
        for size in [1, 3, 1000] {
            assert_eq!(passed(bytes, size, placed), whole, "in pieces of {size}");
        }
        // Each reply that announces a place has at least "229" and a line's end.
        assert!(whole.len() <= bytes.len() + (bytes.len() / 4 + 1) * 64);
    }
}

fn passed(bytes: &[u8], size: usize, placed: Placed) -> Vec<u8> {
    let (mut replies, mut out) = (Replies::default(), Vec::new());
    let mut taken = 0;
    for piece in bytes.chunks(size) {
        replies.pass(piece, &mut out, &mut |_| placed);
        taken += piece.len();
        if placed == Placed::Untouched {
            assert!(taken - out.len() <= LONGEST, "{} bytes are held", taken - out.len());
        }
    }
    replies.let_go(&mut out);
    assert!(!replies.holds());
    out
}
