//! The end of a session in its worker: counted once, recorded once (law 13), and everything it held
//! given back.

use std::sync::atomic::Ordering::Relaxed;

use protobalance_core::session::{CloseReason, Phase};

use crate::clock::unix_ms;
use crate::decisions::{matches_client, millis};
use crate::pair::Pair;
use crate::record::Record;
use crate::report::SessionReport;
use crate::worker::{SessionQuery, Worker, count};

impl Worker {
    /// Closes both sockets and lets the session go.
    pub(crate) fn finish(&mut self, key: u32) {
        self.note_attempts(key);
        let Some(mut pair) = self.table.remove(key) else { return };
        self.timer.disarm(key);
        if pair.held() > 0 {
            self.held -= pair.held();
            self.counts.buffered.store(self.held as u64, Relaxed);
        }
        count(&mut pair, self.at.now);
        let counts = &pair.listener.counts;
        counts.closed.fetch_add(1, Relaxed);
        if matches!(pair.closing, Some(CloseReason::NoNode | CloseReason::FailoverTimeout)) {
            counts.unserved.fetch_add(1, Relaxed);
        }
        self.shared.active.fetch_sub(1, Relaxed);
        self.shared.room.give_back();
        counts.room.give_back();
        self.doors.look_again_soon(self.at.now);
        self.counts.active.store(self.table.len() as u64, Relaxed);
        if self.shared.log.on() {
            self.shared.log.write(self.record(&pair));
        }
    }

    fn record(&self, pair: &Pair) -> Record {
        Record {
            ended_unix_ms: unix_ms(),
            client: pair.client_address,
            listener: std::sync::Arc::clone(&pair.listener),
            attempts: pair.session.attempts().cloned().collect(),
            bytes_to_node: pair.to_node.delivered(),
            bytes_to_client: pair.to_client.delivered(),
            duration: self.at.now.since(pair.session.opened_at()),
            reason: pair.closing.unwrap_or(CloseReason::Stopped),
        }
    }

    /// The sessions that match, the oldest first.
    pub(crate) fn session_reports(&self, query: &SessionQuery) -> Vec<SessionReport> {
        let mut matching: Vec<&Pair> =
            self.table.iter().map(|(_, pair)| pair).filter(|pair| matches(pair, query)).collect();
        matching.sort_by_key(|pair| pair.session.opened_at());
        matching.into_iter().take(query.limit).map(|pair| self.session_report(pair)).collect()
    }

    fn session_report(&self, pair: &Pair) -> SessionReport {
        let phase = match (pair.closing, pair.session.phase()) {
            (Some(_), _) | (_, Phase::Ended) => "closing",
            (_, Phase::Connecting) => "connecting",
            (_, Phase::Quiet | Phase::Unanswered) => "quiet",
            (_, Phase::Talking) => "talking",
        };
        let node = pair.session.node();
        SessionReport {
            client: pair.client_address.to_string(),
            listener: pair.listener.name.to_string(),
            cluster: node.map_or(&*pair.listener.route.cluster.name, |node| node.cluster()).to_owned(),
            node: node.map(|node| node.name().to_owned()).unwrap_or_default(),
            phase: phase.to_owned(),
            age_ms: millis(self.at.now.since(pair.session.opened_at())),
            idle_ms: millis(self.at.now.since(pair.session.active_at())),
            bytes_to_node: pair.to_node.delivered(),
            bytes_to_client: pair.to_client.delivered(),
            attempts: pair.session.attempts().count() as u32,
        }
    }
}

fn matches(pair: &Pair, query: &SessionQuery) -> bool {
    let node =
        pair.session.node().map(|node| format!("{}/{}", node.cluster(), node.name())).unwrap_or_default();
    (query.listener.is_empty() || *pair.listener.name == *query.listener)
        && (query.node.is_empty() || node == query.node)
        && (query.client.is_empty() || matches_client(pair.client_address, &query.client))
}
