//! Time as the core sees it: a number it is handed, never one it asks for.

use std::time::Duration;

/// Microseconds on the engine's monotonic clock. Starts above zero, so zero can mean "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment that no clock reaches: "not set".
    pub const NEVER: Moment = Moment(u64::MAX);

    /// This moment and `span` more; saturates instead of wrapping.
    #[must_use]
    pub fn after(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The span since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Seconds since the clock's start, for rates.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}
