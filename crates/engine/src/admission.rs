//! Clients at the door. One that has as much as its listener grants it is let in no further: closed by a
//! reset, counted, and told of seldom. A listener that grants everything asks nothing here.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

use protobalance_core::admission::{Entry, Limits, PREFIX_V6, Pass, Refusal, Table, words_for};
use protobalance_core::moment::Moment;

use crate::affinity_file::random_key;
use crate::plan::Listener;
use crate::report::Event;
use crate::sys::MappedWords;
use crate::worker::Shared;

/// A client is told of again after so long, if it is still turned away.
const SILENCE: Duration = Duration::from_secs(60);
/// Clients told of in that time, over all listeners: a flood is seen in the counts, not in the log.
const TOLD: usize = 32;

/// The engine's table of clients, made with the first plan that limits them, and who was told of.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    table: OnceLock<Arc<Table>>,
    told: Mutex<Vec<(u64, Moment)>>,
}

/// A session that counts for its client until this is dropped, in whatever way the session ends.
#[derive(Debug)]
pub(crate) struct Admitted {
    table: Arc<Table>,
    pass: Pass,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.table.leave(self.pass);
    }
}

/// The client may not come in.
#[derive(Debug)]
pub(crate) struct TurnedAway;

impl Admission {
    /// Makes the table, if there is none yet. Its memory is the kernel's until clients come.
    pub(crate) fn prepare(&self, sessions: u64) -> std::io::Result<()> {
        if self.table.get().is_none() {
            let words = MappedWords::anonymous(words_for(sessions) as usize)?;
            let _ = self.table.set(Arc::new(Table::new(Box::new(words), random_key()?)));
        }
        Ok(())
    }

    /// Whether this is news: not told of the same within `SILENCE`, nor of too many others.
    fn is_news(&self, fingerprint: u64, now: Moment) -> bool {
        let mut told = match self.told.try_lock() {
            Ok(told) => told,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            // Another worker is telling: no worker waits for that.
            Err(TryLockError::WouldBlock) => return false,
        };
        if told.iter().any(|(known, until)| *known == fingerprint && now < *until) {
            return false;
        }
        told.retain(|(_, until)| now < *until);
        let room = told.len() < TOLD;
        if room {
            told.push((fingerprint, now.after(SILENCE)));
        }
        room
    }
}

/// Counts one more session of the client's at the listener, or turns it away; `None` where nothing is
/// counted. `client` is the address that was learned, whoever the connection came from.
pub(crate) fn admit(
    shared: &Shared,
    listener: &Listener,
    client: IpAddr,
    now: Moment,
) -> Result<Option<Box<Admitted>>, TurnedAway> {
    let Some(limits) = &listener.client_limits else { return Ok(None) };
    let Some(table) = shared.admission.table.get() else { return Ok(None) };
    match table.enter(client, limits, now) {
        Entry::Tracked(pass) => Ok(Some(Box::new(Admitted { table: Arc::clone(table), pass }))),
        Entry::Untracked => {
            listener.counts.untracked.fetch_add(1, Relaxed);
            Ok(None)
        }
        Entry::Refused(refusal) => {
            listener.counts.refused.fetch_add(1, Relaxed);
            tell(shared, listener, limits, client, refusal, now);
            Err(TurnedAway)
        }
    }
}

fn tell(
    shared: &Shared,
    listener: &Listener,
    limits: &Limits,
    client: IpAddr,
    refusal: Refusal,
    now: Moment,
) {
    // No key: clients that share a fingerprint here share a line in the log, no more.
    let fingerprint = limits.fingerprint(client, &[refusal as u8; 16]);
    if shared.admission.is_news(fingerprint, now) {
        shared.events.tell(Event::ClientRefused {
            listener: listener.name.to_string(),
            client: client_text(client),
            limit: refusal.word().to_owned(),
        });
    }
}

/// The client as it is counted: an IPv4 address, or the prefix of an IPv6 address.
fn client_text(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let rest = u128::MAX >> PREFIX_V6;
            format!("{}/{PREFIX_V6}", Ipv6Addr::from_bits(v6.to_bits() & !rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_of_once_in_a_while_and_a_flood_hardly() {
        let (admission, now) = (Admission::default(), Moment(1_000_000));
        assert!(admission.is_news(1, now));
        assert!(!admission.is_news(1, now.after(SILENCE / 2)));
        assert!(admission.is_news(1, now.after(SILENCE)));
        let flood = (2..1_000_000).filter(|client| admission.is_news(*client, now.after(SILENCE))).count();
        assert_eq!(flood, TOLD - 1);
        assert_eq!(unpoisoned_len(&admission), TOLD);
    }

    fn unpoisoned_len(admission: &Admission) -> usize {
        crate::unpoisoned(&admission.told).len()
    }

    #[test]
    fn a_client_is_named_as_it_is_counted() {
        for (address, text) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(address.parse().map(client_text).as_deref(), Ok(text));
        }
    }
}
