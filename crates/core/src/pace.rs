//! A pace that is kept in one word: law, over any time at most `burst` plus the pace's share of that
//! time passes, whoever of several threads lets it through.
//!
//! The generic cell rate algorithm (ITU-T I.371): the word is the moment at which the next one would be
//! on time if all came evenly, in nanoseconds. Who comes earlier than a burst before it is too early.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::moment::Moment;

const SECOND: u64 = 1_000_000_000;

/// How many a second; 0 for as many as come. Lock-free, alive across plans.
#[derive(Debug, Default)]
pub struct Pace {
    per_second: AtomicU64,
    next: AtomicU64,
}

impl Pace {
    /// From now on so many a second.
    pub fn set_per_second(&self, per_second: u32) {
        self.per_second.store(per_second.into(), Relaxed);
    }

    /// How long until another one may pass; zero if it may now.
    #[must_use]
    pub fn wait(&self, now: Moment) -> Duration {
        let Some(interval) = SECOND.checked_div(self.per_second.load(Relaxed)) else { return Duration::ZERO };
        // A tenth of a second's worth at once: who looks every now and then still keeps the pace.
        let burst = (SECOND / 10).saturating_sub(interval);
        let ahead = self.next.load(Relaxed).saturating_sub(nanoseconds(now));
        Duration::from_nanos(ahead.saturating_sub(burst))
    }

    /// Notes that one passed. Several threads that look at once may let one each through; whoever
    /// comes next waits so much longer.
    pub fn pass(&self, now: Moment) {
        let Some(interval) = SECOND.checked_div(self.per_second.load(Relaxed)) else { return };
        let on_time = |next: u64| Some(next.max(nanoseconds(now)).saturating_add(interval));
        let _ = self.next.fetch_update(Relaxed, Relaxed, on_time);
    }
}

fn nanoseconds(moment: Moment) -> u64 {
    moment.0.saturating_mul(1000)
}
