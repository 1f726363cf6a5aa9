//! Hashes that agree: the same key and the same client give the same number on every machine.
//!
//! Everything here is integer arithmetic over a fixed encoding, so neither the width of a word,
//! nor the order of bytes, nor a mathematical library can make two balancers disagree.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use siphasher::sip::SipHasher24;
use siphasher::sip128;

/// A key of the keyed hash: who does not know it cannot choose where clients land.
pub type Key = [u8; 16];

/// The key that a text stands for, so that operators may choose words.
#[must_use]
pub fn key_of(text: &str) -> Key {
    sip128::SipHasher24::new().hash(text.as_bytes()).as_bytes()
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of `bytes` under `key`.
#[must_use]
pub fn keyed(key: &Key, bytes: &[u8]) -> u64 {
    SipHasher24::new_with_key(key).hash(bytes)
}

/// A client as hashes and tables know it: its address, possibly only a prefix of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey(IpAddr);

impl ClientKey {
    /// The whole address; an IPv4-mapped IPv6 address is the IPv4 address it stands for.
    #[must_use]
    pub fn of(client: IpAddr) -> ClientKey {
        ClientKey(client.to_canonical())
    }

    /// The address's leading bits, the others zero. A longer prefix than the address is all of it.
    #[must_use]
    pub fn masked(client: IpAddr, prefix_v4: u8, prefix_v6: u8) -> ClientKey {
        ClientKey(match client.to_canonical() {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix_v4.min(32))).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix_v6.min(128))).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        })
    }

    /// Its keyed hash, over one byte for the family (4 or 6) and the octets in network order.
    #[must_use]
    pub fn digest(self, key: &Key) -> u64 {
        let mut encoded = [0; 17];
        match self.0 {
            IpAddr::V4(v4) => {
                encoded[0] = 4;
                encoded[1..5].copy_from_slice(&v4.octets());
                keyed(key, &encoded[..5])
            }
            IpAddr::V6(v6) => {
                encoded[0] = 6;
                encoded[1..].copy_from_slice(&v6.octets());
                keyed(key, &encoded)
            }
        }
    }
}

/// Scrambles 64 bits reversibly: each bit of `bits` bears on each bit of the result (MurmurHash3's
/// finalizer, Appleby 2011).
#[must_use]
pub fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

/// The next of the numbers that a seed determines, which `state` is at first (SplitMix64, Steele, Lea and
/// Flood 2014, with [`mix`] for its finalizer).
#[must_use]
pub fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mix(*state)
}

/// A number below `bound`, as evenly as 64 random bits allow (Lemire 2019, without the rejection:
/// the bias is below `bound / 2^64`).
#[must_use]
pub fn below(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

/// `-ln(1 - x)` for `x = shortfall / 2^64`, in units of 2^-64: exponentially distributed for a
/// uniformly random `shortfall`, and never below it. Exact to a few dozen units.
#[must_use]
pub fn exponential(shortfall: u64) -> u128 {
    const LN_2: u128 = 0xb172_17f7_d1cf_79ab;
    let one: u128 = 1 << 64;
    // 1 - x = rest / 2^doublings with rest in (1/2, 1].
    let survival = one - u128::from(shortfall);
    let doublings = (one / survival).ilog2();
    let rest = survival << doublings;
    // -ln(rest) = 2 artanh(z), z = (1 - rest) / (1 + rest) at most 1/3: the series gains three bits a step.
    let z = ((one - rest) << 63) / ((one + rest) >> 1);
    let square = (z * z) >> 64;
    let (mut sum, mut power, mut divisor) = (z, z, 1);
    while power > 0 {
        power = (power * square) >> 64;
        divisor += 2;
        sum += power / divisor;
    }
    // The series was rounded down, by more than what it adds to the smallest shortfalls.
    (u128::from(doublings) * LN_2 + 2 * sum).max(shortfall.into())
}
