//! What became of the clients: served by which node, or failed how; as JSON at the end.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use serde_json::{Value, json};

use crate::link::Failure;

/// Counts of everything since the start. An *epoch* is the span between two marks of the test.
pub(crate) struct Tally {
    started: Instant,
    served: u64,
    failed: BTreeMap<&'static str, u64>,
    first_failure: Option<String>,
    nodes: HashMap<(u32, u32), HashMap<String, u64>>,
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new() -> Tally {
        Tally {
            started: Instant::now(),
            served: 0,
            failed: BTreeMap::new(),
            first_failure: None,
            nodes: HashMap::new(),
        }
    }

    /// One client was served by `node`, having begun and ended in these epochs.
    pub(crate) fn served(&mut self, begun: u32, ended: u32, node: &str) {
        self.served += 1;
        let nodes = self.nodes.entry((begun, ended)).or_default();
        match nodes.get_mut(node) {
            Some(count) => *count += 1,
            None => drop(nodes.insert(node.to_owned(), 1)),
        }
    }

    /// One client was failed; `node` is as much of the name as it heard.
    pub(crate) fn failed(&mut self, failure: Failure, node: &str) {
        *self.failed.entry(failure.word()).or_default() += 1;
        if self.first_failure.is_none() {
            let after = self.started.elapsed().as_millis();
            self.first_failure = Some(format!("{failure:?} from node {node:?} after {after} ms"));
        }
    }

    /// How many were served.
    pub(crate) fn served_count(&self) -> u64 {
        self.served
    }

    /// Whether nobody was failed.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }

    /// The whole as JSON.
    pub(crate) fn report(&self) -> Value {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut totals = BTreeMap::<&str, u64>::new();
        for (node, count) in self.nodes.values().flatten() {
            *totals.entry(node).or_default() += count;
        }
        json!({
            "ok": self.served,
            "errors": self.failed,
            "first_error": self.first_failure,
            "nodes": totals,
            "seconds": seconds,
            "per_second": self.served as f64 / seconds,
        })
    }

    /// The counts by epoch, for who must know when a node answered.
    pub(crate) fn epochs(&self) -> Value {
        let mut epochs: Vec<_> = self.nodes.iter().collect();
        epochs.sort_by_key(|(epoch, _)| **epoch);
        epochs
            .iter()
            .map(|((begun, ended), nodes)| json!({"begun": begun, "ended": ended, "nodes": nodes}))
            .collect()
    }
}
