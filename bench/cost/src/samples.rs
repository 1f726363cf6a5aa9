//! One number per round; what stands for them is the median, and between the quartiles lies half.

use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// The median and the quartiles, to a tenth.
    pub(crate) fn json(&self) -> Value {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| match sorted.len() {
            0 => Value::Null,
            len => json!((sorted[(len - 1) * quarter / 4] * 10.0).round() / 10.0),
        };
        json!({"median": at(2), "lower": at(1), "upper": at(3)})
    }
}
