//! The one record of an ended session (law 13), and how it reads, as text and as JSON.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::session::{Attempt, CloseReason};

use crate::decisions::{attempt_report, millis};
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
    /// In order; the last is the one that stood, if it has no failure.
    pub(crate) attempts: Vec<Attempt>,
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
            write_text(line, self)
        }
        line.push('\n');
    }

    /// The cluster of its nodes.
    fn cluster(&self) -> &str {
        match (self.attempts.last(), &self.route) {
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

    /// The attempt that stood, if one did.
    fn standing(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.failure.is_none())
    }
}

fn write_text(line: &mut String, record: &Record) {
    write_time(line, record.ended_unix_ms);
    // Writing to a String cannot fail.
    let _ = write!(line, " {} {} -> {}/", record.listener.name, record.client, record.cluster());
    let _ = match record.standing() {
        Some(attempt) => write!(line, "{} {}", attempt.node.name(), attempt.why.word()),
        None => write!(line, "- -"),
    };
    let _ = write!(
        line,
        " {:.3}s to_node={} to_client={} {}",
        record.duration.as_secs_f64(),
        record.bytes_to_node,
        record.bytes_to_client,
        record.reason.word()
    );
    if !record.detail.is_empty() {
        let _ = write!(line, " ({})", record.detail);
    }
    if let Some(via) = record.via() {
        let _ = write!(line, " via={via}");
    }
    if let Some(name) = record.server_name() {
        let _ = write!(line, " name={name}");
    }
    for attempt in record.attempts.iter().filter(|attempt| attempt.failure.is_some()) {
        let failure = attempt.failure.map_or("", |failure| failure.word());
        let _ = write!(line, " failed={}:{}@{}ms", attempt.node.name(), failure, millis(attempt.after));
    }
}

fn write_json(line: &mut String, record: &Record) {
    let mut time = String::new();
    write_time(&mut time, record.ended_unix_ms);
    let attempts: Vec<_> = record.attempts.iter().map(attempt_report).collect();
    let value = serde_json::json!({
        "time": time,
        "client": record.client.to_string(),
        "listener": &*record.listener.name,
        "via": record.via(),
        "server_name": record.server_name(),
        "cluster": record.cluster(),
        "node": record.standing().map(|attempt| attempt.node.name()),
        "attempts": attempts,
        "bytes_to_node": record.bytes_to_node,
        "bytes_to_client": record.bytes_to_client,
        "duration_ms": record.duration.as_secs_f64() * 1000.0,
        "reason": record.reason.word(),
        "detail": record.detail,
    });
    let _ = write!(line, "{value}");
}

/// RFC 3339, UTC, milliseconds.
fn write_time(line: &mut String, unix_ms: u64) {
    let (days, millis) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    let _ =
        write!(line, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1000);
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar. Counts from
/// 0000-03-01, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_reads_as_rfc_3339() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_293_296_789, "2026-11-21T20:34:56.789Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            let mut line = String::new();
            super::write_time(&mut line, unix_ms);
            assert_eq!(line, text);
        }
    }
}
