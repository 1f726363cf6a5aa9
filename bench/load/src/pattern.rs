//! The bytes that are sent: a long table repeated, each session starting elsewhere in it. Its length
//! is prime, so that no power-of-two piece can be lost, doubled or swapped and still fit.

/// A prime, just over 64 KiB.
const LENGTH: usize = 65_537;

/// The table.
pub(crate) struct Pattern(Vec<u8>);

impl Pattern {
    /// Fills the table by xorshift64, from a fixed seed: all processes must agree.
    pub(crate) fn new() -> Pattern {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        Pattern(std::iter::repeat_with(next).take(LENGTH).collect())
    }

    /// The bytes from `offset` on, of the session that started at `seed`: at least one, at most `limit`.
    pub(crate) fn at(&self, seed: u64, offset: u64, limit: u64) -> &[u8] {
        let start = ((seed.wrapping_mul(7919) + offset) % LENGTH as u64) as usize;
        let length = usize::try_from(limit).unwrap_or(LENGTH).min(LENGTH - start);
        &self.0[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::{LENGTH, Pattern};

    #[test]
    fn a_piece_moved_by_any_power_of_two_does_not_fit() {
        let pattern = Pattern::new();
        for shift in (0..32).map(|bit| 1u64 << bit).filter(|shift| shift % LENGTH as u64 != 0) {
            assert_ne!(pattern.at(0, 0, 16), pattern.at(0, shift, 16), "moved by {shift}");
        }
    }

    #[test]
    fn slices_join_up_across_the_end_of_the_table() {
        let pattern = Pattern::new();
        let near_end = LENGTH as u64 - 3;
        assert_eq!(pattern.at(0, near_end, 10).len(), 3);
        assert_eq!(pattern.at(0, near_end + 3, 10), pattern.at(0, 0, 10));
    }
}
