//! Numbers that a seed determines, and clients.

use std::net::{IpAddr, Ipv4Addr};

use protobalance_core::hash;

#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        hash::draw(&mut self.0)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        hash::below(self.next(), bound)
    }
}

/// The client of that number: all differ, and neighbours in number are none in address.
pub(crate) fn client(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number.wrapping_mul(0x9E37_79B1)).into()
}
