//! How much of a listener one client may have: sessions at a time, and new ones a second. A client is
//! an IPv4 address or an IPv6 /64, which is what one customer has (RFC 6177).

mod table;

use std::net::IpAddr;

pub use table::{Entry, Pass, Table, words_for};

use crate::hash::{ClientKey, Key, keyed};

/// Leading bits of an address that make a client here.
pub const PREFIX_V4: u8 = 32;
/// The same for IPv6.
pub const PREFIX_V6: u8 = 64;

/// What one listener grants each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tells listeners apart: the same client has a count of its own at each.
    pub scope: u64,
    /// Sessions at a time; 0 for any number.
    pub max_sessions: u32,
    /// Microseconds from one session to the next at the rate; 0 for no rate.
    interval: u64,
    /// Microseconds that a burst may be ahead of the rate.
    tolerance: u64,
}

/// Why a client was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has as many sessions as it may.
    Sessions,
    /// It opens them faster than it may.
    Rate,
}

impl Refusal {
    /// The word for logs and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Refusal::Sessions => "max_sessions_per_client",
            Refusal::Rate => "new_sessions_per_second_per_client",
        }
    }
}

impl Limits {
    /// Limits, or `None` where nothing is limited. `burst` 0: a second's worth.
    #[must_use]
    pub fn new(scope: u64, max_sessions: u32, per_second: u32, burst: u32) -> Option<Limits> {
        let interval = 1_000_000u64.checked_div(per_second.into()).unwrap_or(0);
        let burst = u64::from(if burst == 0 { per_second } else { burst });
        let tolerance = interval.saturating_mul(burst.saturating_sub(1));
        (max_sessions > 0 || per_second > 0).then_some(Limits { scope, max_sessions, interval, tolerance })
    }

    /// The client's fingerprint at this listener: who does not know the key cannot choose it.
    #[must_use]
    pub fn fingerprint(&self, client: IpAddr, key: &Key) -> u64 {
        let digest = ClientKey::masked(client, PREFIX_V4, PREFIX_V6).digest(key);
        let mut both = [0; 16];
        both[..8].copy_from_slice(&digest.to_le_bytes());
        both[8..].copy_from_slice(&self.scope.to_le_bytes());
        keyed(key, &both)
    }
}
