//! A rate that forgets: law, one word of memory, and a comparison that needs no arithmetic.
//!
//! The word is the *forward-decayed* logarithm `s = log2(sum of a * e^(t/window))` over all amounts
//! `a` seen at `t` (Cormode et al., "Forward decay", ICDE 2009). Time makes every such sum smaller
//! by the same factor, so of two rates with one window the larger `s` is the larger rate, now and
//! later, and nothing has to be rescaled ever.

use std::f64::consts::{LN_2, LOG2_E};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::Duration;

use crate::moment::Moment;

/// The score while the window is being changed. An amount that arrives just then is dropped.
const CHANGING: u64 = f64::NAN.to_bits();

/// A rate that falls to 1/e in its window when nothing is added. Lock-free.
#[derive(Debug)]
pub struct DecayedRate {
    score: AtomicU64,
    /// Powers of two by which it falls in a second.
    decay: AtomicU64,
}

impl DecayedRate {
    /// Zero. A window below a microsecond counts as one.
    #[must_use]
    pub fn new(window: Duration) -> DecayedRate {
        DecayedRate {
            score: AtomicU64::new(f64::NEG_INFINITY.to_bits()),
            decay: AtomicU64::new(decay_of(window).to_bits()),
        }
    }

    /// Adds `amount` at `now`. Amounts that are not above zero change nothing.
    pub fn add(&self, amount: f64, now: Moment) {
        if amount <= 0.0 || !amount.is_finite() {
            return;
        }
        let mut seen = self.score.load(Acquire);
        while seen != CHANGING {
            let decay = self.decay();
            let sum = log2_of_sum(f64::from_bits(seen), amount.log2() + now.seconds() * decay).to_bits();
            match self.score.compare_exchange_weak(seen, sum, Relaxed, Acquire) {
                Ok(_) => return self.recall_if_changed(sum, decay),
                Err(newer) => seen = newer,
            }
        }
    }

    /// Takes back an amount added to zero by an old window: zero is the one score that a change of
    /// the window leaves as it was, so the exchange cannot have noticed.
    fn recall_if_changed(&self, added: u64, decay: f64) {
        if self.decay() != decay {
            let zero = f64::NEG_INFINITY.to_bits();
            let _ = self.score.compare_exchange(added, zero, Relaxed, Relaxed);
        }
    }

    /// Changes the window; the rate at `now` stays. One caller at a time.
    pub fn set_window(&self, window: Duration, now: Moment) {
        let (old, new) = (self.decay(), decay_of(window));
        if old == new {
            return;
        }
        let score = f64::from_bits(self.score.swap(CHANGING, Acquire));
        self.decay.store(new.to_bits(), Relaxed);
        let kept = score + now.seconds() * (new - old) + (old / new).log2();
        self.score.store(kept.to_bits(), Release);
    }

    /// As if just so much had been added until now. One caller at a time.
    pub fn begin_with(&self, amount: f64, now: Moment) {
        let score = amount.max(0.0).log2() + now.seconds() * self.decay();
        self.score.store(score.to_bits(), Relaxed);
    }

    /// What to compare with the score of another rate of the same window: larger is faster, minus
    /// infinity is zero. A difference of 1 is a factor of two, whatever the time.
    #[must_use]
    pub fn score(&self) -> f64 {
        let score = f64::from_bits(self.score.load(Relaxed));
        if score.is_nan() { f64::NEG_INFINITY } else { score }
    }

    /// What is left at `now` of the amounts added.
    #[must_use]
    pub fn remaining(&self, now: Moment) -> f64 {
        self.log2_remaining(now).exp2()
    }

    /// The base-2 logarithm of what is left: minus infinity if nothing was added.
    #[must_use]
    pub fn log2_remaining(&self, now: Moment) -> f64 {
        self.log2_remaining_of(self.score(), now)
    }

    /// The same of another score with this window.
    pub(crate) fn log2_remaining_of(&self, score: f64, now: Moment) -> f64 {
        score - now.seconds() * self.decay()
    }

    /// The rate at `now`.
    #[must_use]
    pub fn per_second(&self, now: Moment) -> f64 {
        self.per_second_of(self.score(), now)
    }

    /// The same of another score with this window.
    pub(crate) fn per_second_of(&self, score: f64, now: Moment) -> f64 {
        self.log2_remaining_of(score, now).exp2() * self.decay() * LN_2
    }

    fn decay(&self) -> f64 {
        f64::from_bits(self.decay.load(Relaxed))
    }
}

fn decay_of(window: Duration) -> f64 {
    1.0 / (window.as_secs_f64().max(1e-6) * LN_2)
}

/// [`DecayedRate::score`] of both together; they must have one window.
pub(crate) fn joint_score(own: &DecayedRate, other: &DecayedRate) -> f64 {
    let (own, other) = (own.score(), other.score());
    // Mostly there is no other, or what is left of it is nothing beside its own.
    if other == f64::NEG_INFINITY || other < own - 30.0 { own } else { log2_of_sum(own, other) }
}

/// `log2(2^a + 2^b)` without leaving the range of numbers.
pub(crate) fn log2_of_sum(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high + (low - high).exp2().ln_1p() * LOG2_E
}
