//! The last decisions of a worker, as they were made: what `explain` reads. Fixed in number, written
//! once per session, read only when somebody asks.

use std::net::SocketAddr;
use std::sync::Arc;

use protobalance_core::failover::Trace;
use protobalance_core::moment::Moment;
use protobalance_core::session::Attempt;

use crate::newcomer::Learned;
use crate::plan::{Listener, Route};
use crate::report::{AttemptReport, CandidateReport, DecisionReport};

const CAPACITY: usize = 1024;

/// One session's decision.
#[derive(Debug)]
struct Decision {
    at: Moment,
    client: SocketAddr,
    /// Where it named the server it asks for.
    learned: Option<Box<Learned>>,
    listener: Arc<Listener>,
    route: Arc<Route>,
    trace: Trace,
    standing: Option<Attempt>,
    /// Apart, since hardly any session has them.
    failed: Vec<Attempt>,
}

/// A ring of decisions.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    ring: Vec<Decision>,
    written: u64,
}

impl Decisions {
    /// Records a first choice; its number.
    pub(crate) fn record(
        &mut self,
        at: Moment,
        (client, learned): (SocketAddr, Option<&Learned>),
        listener: &Arc<Listener>,
        route: &Arc<Route>,
        trace: Trace,
    ) -> u64 {
        let (listener, route) = (Arc::clone(listener), Arc::clone(route));
        let learned = learned.filter(|learned| learned.server_name.is_some()).cloned().map(Box::new);
        let (standing, failed) = (None, Vec::new());
        let decision = Decision { at, client, learned, listener, route, trace, standing, failed };
        let number = self.written;
        let place = (number % CAPACITY as u64) as usize;
        match self.ring.get_mut(place) {
            Some(old) => *old = decision,
            None => self.ring.push(decision),
        }
        self.written += 1;
        number
    }

    /// Notes how the attempts stand, unless the record has been overwritten.
    pub(crate) fn note<'a>(&mut self, number: u64, attempts: impl Iterator<Item = &'a Attempt>) {
        if self.written - number > CAPACITY as u64 {
            return;
        }
        let Some(decision) = self.ring.get_mut((number % CAPACITY as u64) as usize) else { return };
        let mut standing = None;
        // Failed attempts stay as they are, in order: those noted before need no look.
        for attempt in attempts.skip(decision.failed.len()) {
            match attempt.failure {
                Some(_) => decision.failed.push(attempt.clone()),
                None => standing = Some(attempt),
            }
        }
        let same = |old: &Attempt, new: &Attempt| Arc::ptr_eq(&old.node, &new.node) && old.after == new.after;
        match (&decision.standing, standing) {
            // Mostly all is as it was, and a node that workers share is dear to take hold of.
            (Some(old), Some(new)) if same(old, new) => {}
            (_, new) => decision.standing = new.cloned(),
        }
    }

    /// Those that match, newest first. Empty strings match everything.
    pub(crate) fn matching(
        &self,
        listener: &str,
        client: &str,
        limit: usize,
        now: Moment,
    ) -> Vec<DecisionReport> {
        let oldest = self.written.saturating_sub(CAPACITY as u64);
        (oldest..self.written)
            .rev()
            .filter_map(|number| self.ring.get((number % CAPACITY as u64) as usize))
            .filter(|decision| listener.is_empty() || *decision.listener.name == *listener)
            .filter(|decision| client.is_empty() || matches_client(decision.client, client))
            .take(limit)
            .map(|decision| decision.report(now))
            .collect()
    }
}

/// Whether `wanted` is the client's address, with or without its port.
pub(crate) fn matches_client(client: SocketAddr, wanted: &str) -> bool {
    client.ip().to_string() == wanted || client.to_string() == wanted
}

impl Decision {
    fn report(&self, now: Moment) -> DecisionReport {
        let attempts: Vec<AttemptReport> =
            self.failed.iter().chain(&self.standing).map(attempt_report).collect();
        let (home, home_skipped) = home_report(&self.route, &self.trace);
        DecisionReport {
            age_ms: millis(now.since(self.at)),
            client: self.client.to_string(),
            listener: self.listener.name.to_string(),
            cluster: self.route.cluster.name.to_string(),
            policy: self.route.cluster.policy.name().to_owned(),
            node: attempts.last().map(|attempt| attempt.node.clone()).unwrap_or_default(),
            attempts,
            candidates: candidate_reports(&self.route, &self.trace),
            nodes: self.route.cluster.nodes.len() as u32,
            server_name: name(self.learned.as_ref().and_then(|learned| learned.server_name.as_deref())),
            server_pattern: name(self.learned.as_ref().and_then(|learned| learned.pattern.as_deref())),
            home,
            home_skipped,
        }
    }
}

fn name(name: Option<&str>) -> String {
    name.unwrap_or_default().to_owned()
}

pub(crate) fn attempt_report(attempt: &Attempt) -> AttemptReport {
    AttemptReport {
        node: attempt.node.name().to_owned(),
        why: attempt.why.word().to_owned(),
        failure: attempt.failure.map_or("", |failure| failure.word()).to_owned(),
        after_ms: millis(attempt.after),
    }
}

/// The client's home and what kept it from taking the client; empty where there is nothing to say.
pub(crate) fn home_report(route: &Route, trace: &Trace) -> (String, String) {
    let home =
        trace.home().and_then(|home| Some((route.cluster.nodes.get(usize::from(home.node))?, home.skip)));
    home.map(|(node, skip)| (node.state.name().to_owned(), skip.word().to_owned())).unwrap_or_default()
}

pub(crate) fn candidate_reports(route: &Route, trace: &Trace) -> Vec<CandidateReport> {
    let report = |candidate: &protobalance_core::failover::Candidate| {
        let node = route.cluster.nodes.get(usize::from(candidate.node))?;
        Some(CandidateReport {
            node: node.state.name().to_owned(),
            value: candidate.value.is_finite().then_some(candidate.value),
            skipped: candidate.skip.word().to_owned(),
        })
    };
    trace.candidates().iter().filter_map(report).collect()
}

pub(crate) fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
