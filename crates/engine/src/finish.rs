//! The end of a session in its worker: counted once, recorded once (law 13), and everything it held
//! given back.

use std::sync::atomic::Ordering::Relaxed;

use protobalance_core::session::{CloseReason, Phase};

use crate::clock::unix_ms;
use crate::decisions::{matches_client, millis};
use crate::pair::Pair;
use crate::record::Record;
use crate::report::SessionReport;
use crate::rounds::count;
use crate::worker::{SessionQuery, Worker};

impl Worker {
    /// Closes both sockets and lets the session go.
    pub(crate) fn finish(&mut self, key: u32) {
        self.note_attempts(key);
        let Some(mut pair) = self.table.remove(key) else { return };
        self.timer.disarm(key);
        if self.table.has_ebbed() {
            self.round_soon();
        }
        if pair.held() > 0 {
            self.held -= pair.held();
            self.counts.buffered.store(self.held as u64, Relaxed);
        }
        count(&mut pair, self.at.now);
        self.await_nothing(pair.ftp.take());
        self.count_closed(&pair.listener, pair.closing.unwrap_or(CloseReason::Stopped));
        self.note_active();
        if self.shared.log.on() {
            self.shared.log.write(self.record(pair));
        }
    }

    fn record(&self, pair: Box<Pair>) -> Record {
        let duration = self.at.now.since(pair.accepted_at());
        // What the record needs moves into it: a session ends without an allocation.
        let Pair { session, listener, route, learned, to_node, to_client, client_address, closing, .. } =
            *pair;
        let (failed, standing) = session.into_attempts();
        Record {
            ended_unix_ms: unix_ms(),
            client: client_address,
            route,
            listener,
            failed,
            standing,
            bytes_to_node: to_node.delivered(),
            bytes_to_client: to_client.delivered(),
            duration,
            learned,
            reason: closing.unwrap_or(CloseReason::Stopped),
            detail: "",
        }
    }

    /// The sessions that match, the oldest first.
    pub(crate) fn session_reports(&self, query: &SessionQuery) -> Vec<SessionReport> {
        let mut matching: Vec<&Pair> =
            self.table.iter().map(|(_, pair)| pair).filter(|pair| matches(pair, query)).collect();
        matching.sort_by_key(|pair| pair.accepted_at());
        let sessions = matching.into_iter().map(|pair| self.session_report(pair));
        // Of those that have no node yet some are left out: there may be thousands, all alike.
        sessions.chain(self.arrival_reports(query)).take(query.limit).collect()
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
            via: pair.learned.as_ref().and_then(|learned| learned.via).map(|via| via.to_string()),
            server_name: pair.learned.as_ref().and_then(|learned| Some(learned.server_name.clone()?.into())),
            listener: pair.listener.name.to_string(),
            cluster: cluster_of(pair).to_owned(),
            node: node.map(|node| node.name().to_owned()).unwrap_or_default(),
            phase: phase.to_owned(),
            age_ms: millis(self.at.now.since(pair.accepted_at())),
            idle_ms: millis(self.at.now.since(pair.session.active_at())),
            bytes_to_node: pair.to_node.delivered(),
            bytes_to_client: pair.to_client.delivered(),
            attempts: pair.session.attempts().count() as u32,
        }
    }
}

/// The cluster of the session's nodes. One that talks has let go of all but its node.
fn cluster_of(pair: &Pair) -> &str {
    match (pair.session.node(), &pair.route) {
        (Some(node), _) => node.cluster(),
        (None, Some(route)) => &route.cluster.name,
        (None, None) => &pair.listener.route.cluster.name,
    }
}

fn matches(pair: &Pair, query: &SessionQuery) -> bool {
    let node =
        pair.session.node().map(|node| format!("{}/{}", node.cluster(), node.name())).unwrap_or_default();
    (query.listener.is_empty() || *pair.listener.name == *query.listener)
        && (query.node.is_empty() || node == query.node)
        && (query.client.is_empty() || matches_client(pair.client_address, &query.client))
}
