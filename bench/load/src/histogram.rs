//! Counts of durations, in buckets whose width grows with the duration: 64 to each doubling, so that any
//! quantile read back is within 1.6 % of the true one, whatever its size, and recording costs one increment.

/// Buckets to each doubling, as a power of two.
const BITS: u32 = 6;
const EACH: u64 = 1 << BITS;

/// The counts.
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    greatest: u64,
}

impl Histogram {
    /// Nothing yet. All buckets exist from the start: recording never allocates.
    pub(crate) fn new() -> Histogram {
        Histogram { counts: vec![0; bucket(u64::MAX) + 1], total: 0, greatest: 0 }
    }

    /// One more of `value`.
    pub(crate) fn record(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.greatest = self.greatest.max(value);
    }

    /// The value that the share `part` (0 to 1) of all values does not exceed; 0 if there are none.
    pub(crate) fn quantile(&self, part: f64) -> u64 {
        let rank = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (number, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return middle(number).min(self.greatest);
            }
        }
        0
    }

    /// The greatest value recorded.
    pub(crate) fn greatest(&self) -> u64 {
        self.greatest
    }
}

fn bucket(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    (u64::from(shift) * EACH + (value >> shift)) as usize
}

fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / EACH).saturating_sub(1);
    let low = (bucket - shift * EACH) << shift;
    low + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::{Histogram, bucket, middle};

    #[test]
    fn every_value_lies_within_a_sixtieth_of_its_bucket() {
        for value in (0..200).chain((7..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 12_345])) {
            let back = middle(bucket(value));
            assert!(back.abs_diff(value) <= value / 60, "{value} came back as {back}");
        }
        assert_eq!(middle(bucket(u64::MAX)) >> 57, u64::MAX >> 57);
    }

    #[test]
    fn buckets_grow_with_the_value() {
        let mut last = 0;
        for value in (0..1_000_000).step_by(7) {
            assert!(bucket(value) >= last, "{value}");
            last = bucket(value);
        }
    }

    #[test]
    fn quantiles_are_by_rank() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), 0);
        (1..=60).for_each(|value| histogram.record(value));
        assert_eq!([0.0, 0.5, 0.51, 1.0].map(|part| histogram.quantile(part)), [1, 30, 31, 60]);
        histogram.record(1_000_003);
        assert_eq!(
            (histogram.quantile(1.0), histogram.greatest()),
            (1_000_003.min(histogram.quantile(1.0)), 1_000_003)
        );
        assert!(histogram.quantile(1.0).abs_diff(1_000_003) < 17_000);
    }
}
