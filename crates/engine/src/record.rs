//! The one record of an ended session (law 13), and how it reads, as text and as JSON.

mod text;

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::session::{Attempt, CloseReason};

use crate::decisions::attempt_report;
use crate::newcomer::Learned;
use crate::plan::{Listener, Route};

/// All that is known of an ended session.
#[derive(Debug)]
pub(crate) struct Record {
    /// Milliseconds since 1970 at its end.
    pub(crate) ended_unix_ms: u64,
    pub(crate) client: SocketAddr,
    pub(crate) learned: Option<Box<Learned>>,
    /// Where it would have gone on to another node, if it still could.
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) listener: Arc<Listener>,
    /// The attempts that failed, in order.
    pub(crate) failed: Vec<Attempt>,
    /// The attempt that stood, if one did.
    pub(crate) standing: Option<Attempt>,
    pub(crate) bytes_to_node: u64,
    pub(crate) bytes_to_client: u64,
    pub(crate) duration: Duration,
    pub(crate) reason: CloseReason,
    /// More about the reason, in a few words; mostly empty.
    pub(crate) detail: &'static str,
}

impl Record {
    /// Appends the record and a line's end.
    pub(crate) fn write(&self, line: &mut String, json: bool) {
        if json {
            write_json(line, self)
        } else {
            text::write(line, self)
        }
        line.push('\n');
    }

    /// The cluster of its nodes.
    fn cluster(&self) -> &str {
        match (self.attempts().last(), &self.route) {
            (Some(attempt), _) => attempt.node.cluster(),
            (None, Some(route)) => &route.cluster.name,
            (None, None) => &self.listener.route.cluster.name,
        }
    }

    /// Who sent the PROXY header that named the client.
    fn via(&self) -> Option<SocketAddr> {
        self.learned.as_ref()?.via
    }

    /// The name that its TLS ClientHello asked for; of characters that host names have.
    fn server_name(&self) -> Option<&str> {
        self.learned.as_ref()?.server_name.as_deref()
    }

    /// All attempts, in order.
    fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.failed.iter().chain(&self.standing)
    }
}

fn write_json(line: &mut String, record: &Record) {
    let mut time = String::new();
    text::time(&mut time, record.ended_unix_ms);
    let attempts: Vec<_> = record.attempts().map(attempt_report).collect();
    let value = serde_json::json!({
        "time": time,
        "client": record.client.to_string(),
        "listener": &*record.listener.name,
        "via": record.via(),
        "server_name": record.server_name(),
        "cluster": record.cluster(),
        "node": record.standing.as_ref().map(|attempt| attempt.node.name()),
        "attempts": attempts,
        "bytes_to_node": record.bytes_to_node,
        "bytes_to_client": record.bytes_to_client,
        "duration_ms": record.duration.as_secs_f64() * 1000.0,
        "reason": record.reason.word(),
        "detail": record.detail,
    });
    let _ = write!(line, "{value}");
}
