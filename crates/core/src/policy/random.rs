//! `random`: each usable node with a chance in proportion to its weight, whatever was chosen before.

use super::shares::{Drawing, Share, Shares, draw};
use super::{Ask, Weighted};

/// Weighted random.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random;

impl Drawing for Random {
    const NAME: &'static str = "random";

    fn draw(&self, ask: &Ask<'_>, shares: &impl Shares) -> Option<Share> {
        draw(shares, ask.random)
    }

    /// Random compares nothing.
    fn value(&self, _one: Weighted<'_>) -> Option<f64> {
        None
    }
}
