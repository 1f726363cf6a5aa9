//! The engine's clocks. Read once per batch of events, then handed on.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protobalance_core::moment::Moment;

/// A monotonic clock that all workers of one engine share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base: Instant,
}

impl Clock {
    const START: u64 = 1_000_000;

    pub(crate) fn start() -> Clock {
        Clock { base: Instant::now() }
    }

    pub(crate) fn now(self) -> Moment {
        Moment(
            u64::try_from(self.base.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(Clock::START),
        )
    }

    /// Milliseconds since the engine's start.
    pub(crate) fn uptime_ms(self) -> u64 {
        (self.now().0 - Clock::START) / 1000
    }
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}

/// Seconds since 1970, as affinity counts them.
pub(crate) fn unix_seconds() -> u32 {
    u32::try_from(unix_ms() / 1000).unwrap_or(u32::MAX)
}
