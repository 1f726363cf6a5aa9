//! Connections of which something must be read before a node can be chosen: a PROXY header, a TLS
//! ClientHello. What a client must send first is its preface.
//!
//! What is read is only looked at (`MSG_PEEK`) until it is whole; then exactly the preface is taken,
//! or nothing where the node is to have it too. So an arrival holds no bytes, however slowly they
//! come, and what follows the preface is the session's to read. A TLS handshake alone is read as it
//! comes: it has answers. An arrival takes a place like a
//! session, has `preface_timeout` for all of its preface, and becomes a session or is turned away,
//! with one record either way (law 13).

mod handshake;
pub(crate) mod header;
mod hello;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protobalance_core::moment::Moment;
use protobalance_core::session::CloseReason;
use rustix::event::epoll;
use rustix::io::{Errno, ioctl_fionread};
use rustix::net::{RecvFlags, recv};

use crate::accept::canonical;
use crate::admission::{TurnedAway, admit};
use crate::clock::unix_ms;
use crate::decisions::{matches_client, millis};
use crate::ending::reset_at_close;
use crate::newcomer::Newcomer;
use crate::plan::Listener;
use crate::record::Record;
use crate::report::SessionReport;
use crate::table::Table;
use crate::timer::Timer;
use crate::token::Token;
use crate::worker::{SessionQuery, Shared, Worker};

/// A worker's arrivals.
#[derive(Debug)]
pub(crate) struct Arrivals {
    table: Table<Arrival>,
    timer: Timer,
}

/// One connection whose preface is not whole yet.
#[derive(Debug)]
pub(crate) struct Arrival {
    newcomer: Newcomer,
    stage: Stage,
    arrived_at: Moment,
    /// Whether its client is still to be asked what it may have: a header was to say who that is.
    to_admit: bool,
    /// Fewer bytes than these need no look.
    needed: usize,
    /// The client has ended its direction: nothing follows what is there.
    ended: bool,
}

/// What is read next.
#[derive(Debug)]
enum Stage {
    /// A PROXY header; where it is `optional`, anything else is the session's.
    Header { optional: bool },
    /// Nothing: a header is required, and nobody would believe this one's.
    Stranger,
    /// A TLS ClientHello.
    Hello,
    /// What a TLS client says until both have agreed.
    Handshake,
    /// Nothing more: the session can be opened.
    Whole,
}

/// What came of a look at what a client has sent.
#[derive(Debug)]
enum Look {
    /// The stage is done; the next one may be.
    Done,
    /// Who the client is was said, and it is to be asked what it may have.
    Known,
    /// More must come.
    Wait,
    /// It cannot become a session: why, and what of it, for the record.
    Refuse(CloseReason, &'static str),
}

impl Arrivals {
    pub(crate) fn new(now: Moment) -> Arrivals {
        Arrivals { table: Table::default(), timer: Timer::new(now) }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn sleep(&mut self, now: Moment) -> Option<Duration> {
        self.timer.sleep(now)
    }
}

impl Worker {
    /// Takes in a connection whose preface is to be read, as far as it has come.
    pub(crate) fn arrive(&mut self, newcomer: Newcomer) {
        let stage = header::first_stage(&newcomer);
        let to_admit = header::names_client(&newcomer);
        let mut arrival =
            Arrival { newcomer, stage, arrived_at: self.at.now, to_admit, needed: 0, ended: false };
        match look(&mut arrival, &mut self.buffer, &self.shared, self.at.now) {
            Look::Refuse(reason, detail) => self.dismiss(arrival, reason, detail),
            Look::Wait => self.wait_for_more(arrival),
            Look::Done | Look::Known => self.enter(arrival),
        }
    }

    fn wait_for_more(&mut self, arrival: Arrival) {
        let deadline = self.at.now.after(arrival.timeout());
        let key = self.arrivals.table.insert(arrival);
        self.note_active();
        self.arrivals.timer.arm(key, deadline);
        let epoch = self.arrivals.table.epoch(key);
        let Some(arrival) = self.arrivals.table.get_mut(key) else { return };
        use epoll::EventFlags as Flags;
        let token = epoll::EventData::new_u64(Token::Arrival { key, epoch }.pack());
        let mut flags = Flags::IN | Flags::RDHUP | Flags::ET;
        if arrival.newcomer.listener.tls.is_some() {
            // A handshake has answers, which a client may take slowly.
            flags |= Flags::OUT;
        }
        if epoll::add(&self.epoll, &arrival.newcomer.socket, token, flags).is_err() {
            // Out of kernel memory: nobody would tell of what comes.
            self.refuse(key, CloseReason::Stopped, "");
        }
    }

    /// Something happened on an arrival's socket.
    pub(crate) fn on_arrival_event(&mut self, key: u32, epoch: u32, flags: epoll::EventFlags) {
        use epoll::EventFlags as Flags;
        if self.arrivals.table.epoch(key) != epoch {
            return;
        }
        let Some(arrival) = self.arrivals.table.get_mut(key) else { return };
        if flags.contains(Flags::ERR) {
            // What came before the reset may be whole, but nobody waits for an answer to it.
            return self.refuse(key, CloseReason::ClientReset, "");
        }
        arrival.ended |= flags.intersects(Flags::RDHUP | Flags::HUP);
        if too_few(arrival) {
            return;
        }
        match look(arrival, &mut self.buffer, &self.shared, self.at.now) {
            Look::Wait => {}
            Look::Done | Look::Known => self.complete(key),
            Look::Refuse(reason, detail) => self.refuse(key, reason, detail),
        }
    }

    /// Ends what has had its time.
    pub(crate) fn expire_arrivals(&mut self, due: &mut Vec<u32>) {
        self.arrivals.timer.expire(self.at.now, due);
        for key in due.drain(..) {
            let Some(arrival) = self.arrivals.table.get_mut(key) else { continue };
            let deadline = arrival.arrived_at.after(arrival.timeout());
            if self.at.now < deadline {
                self.arrivals.timer.arm(key, deadline);
            } else if header::may_be_missing(arrival) {
                self.complete(key);
            } else {
                self.refuse(key, CloseReason::PrefaceTimeout, "");
            }
        }
    }

    /// Opens the session. A plan may have come since the connection did.
    fn complete(&mut self, key: u32) {
        let Some(mut arrival) = self.leave(key) else { return };
        arrival.newcomer.keep_up(&self.plan);
        arrival.newcomer.learned().arrived_at = Some(arrival.arrived_at);
        // The session's own events are to come under its own name.
        let _ = epoll::delete(&self.epoll, &arrival.newcomer.socket);
        self.enter(*arrival);
    }

    /// Opens the session, if its client may have one more.
    fn enter(&mut self, mut arrival: Arrival) {
        match arrival.admit(&self.shared, self.at.now) {
            Ok(()) => {
                self.open(arrival.newcomer);
            }
            Err(TurnedAway) => self.dismiss(arrival, CloseReason::ClientLimit, ""),
        }
    }

    fn refuse(&mut self, key: u32, reason: CloseReason, detail: &'static str) {
        if let Some(arrival) = self.leave(key) {
            self.dismiss(*arrival, reason, detail);
        }
    }

    fn leave(&mut self, key: u32) -> Option<Box<Arrival>> {
        let arrival = self.arrivals.table.remove(key)?;
        self.arrivals.timer.disarm(key);
        self.note_active();
        Some(arrival)
    }

    /// Closes a connection that becomes no session: counted and recorded like one.
    fn dismiss(&mut self, arrival: Arrival, reason: CloseReason, detail: &'static str) {
        let Arrival { newcomer, arrived_at, .. } = arrival;
        self.count_closed(&newcomer.listener, reason);
        if self.shared.log.on() {
            self.shared.log.write(Record {
                ended_unix_ms: unix_ms(),
                client: newcomer.address,
                learned: newcomer.learned,
                route: None,
                listener: newcomer.listener,
                failed: vec![],
                standing: None,
                bytes_to_node: 0,
                bytes_to_client: 0,
                duration: self.at.now.since(arrived_at),
                reason,
                detail,
            });
        }
    }

    /// Lets all arrivals go by resets.
    pub(crate) fn cut_off_arrivals(&mut self) {
        for key in self.arrivals.table.keys() {
            if let Some(arrival) = self.arrivals.table.get_mut(key) {
                reset_at_close(&arrival.newcomer.socket);
            }
            self.refuse(key, CloseReason::Stopped, "");
        }
    }

    /// The arrivals that match, as sessions that have no node yet.
    pub(crate) fn arrival_reports(&self, query: &SessionQuery) -> impl Iterator<Item = SessionReport> {
        let matching = self.arrivals.table.iter().filter(|(_, arrival)| matches(arrival, query));
        matching.map(|(_, arrival)| self.arrival_report(arrival))
    }

    fn arrival_report(&self, Arrival { newcomer, arrived_at, .. }: &Arrival) -> SessionReport {
        let age_ms = millis(self.at.now.since(*arrived_at));
        SessionReport {
            client: newcomer.address.to_string(),
            via: newcomer.learned.as_ref().and_then(|learned| learned.via).map(|via| via.to_string()),
            server_name: None,
            listener: newcomer.listener.name.to_string(),
            cluster: newcomer.listener.route.cluster.name.to_string(),
            node: String::new(),
            phase: "arriving".to_owned(),
            age_ms,
            idle_ms: age_ms,
            bytes_to_node: 0,
            bytes_to_client: 0,
            attempts: 0,
        }
    }

    /// Publishes how many the worker has in its care.
    pub(crate) fn note_active(&self) {
        self.counts.active.store((self.table.len() + self.arrivals.len()) as u64, Relaxed);
    }

    /// Counts a connection that ended, and gives its place back.
    pub(crate) fn count_closed(&mut self, listener: &Listener, reason: CloseReason) {
        let counts = &listener.counts;
        counts.closed.fetch_add(1, Relaxed);
        match reason {
            CloseReason::NoNode | CloseReason::FailoverTimeout => counts.unserved.fetch_add(1, Relaxed),
            CloseReason::BadPreface | CloseReason::PrefaceTimeout => {
                counts.bad_prefaces.fetch_add(1, Relaxed)
            }
            _ => 0,
        };
        self.ends.count(self.at.now);
        self.shared.active.fetch_sub(1, Relaxed);
        self.shared.room.give_back();
        counts.room.give_back();
        self.doors.look_again_soon(self.at.now);
    }
}

impl Arrival {
    /// Counts it as its client's, if that has yet to be done; resets it where the client has its share.
    fn admit(&mut self, shared: &Shared, now: Moment) -> Result<(), TurnedAway> {
        if std::mem::take(&mut self.to_admit) {
            let client = canonical(self.newcomer.address.ip());
            self.newcomer.admitted = admit(shared, &self.newcomer.listener, client, now)
                .inspect_err(|_| reset_at_close(&self.newcomer.socket))?;
        }
        Ok(())
    }

    fn timeout(&self) -> Duration {
        self.newcomer.listener.preface.as_ref().map_or(Duration::ZERO, |preface| preface.timeout)
    }
}

/// Goes through as many stages as what has come suffices for. A client that a header has named is asked
/// what it may have before any more is done for it.
fn look(arrival: &mut Arrival, buffer: &mut [u8], shared: &Shared, now: Moment) -> Look {
    loop {
        let look = match arrival.stage {
            Stage::Whole => return Look::Done,
            Stage::Header { .. } | Stage::Stranger => header::look(arrival, buffer),
            Stage::Hello => hello::look(arrival, buffer),
            Stage::Handshake => handshake::look(arrival),
        };
        match look {
            Look::Done => {}
            Look::Known => {
                if let Err(TurnedAway) = arrival.admit(shared, now) {
                    return Look::Refuse(CloseReason::ClientLimit, "");
                }
            }
            waits_or_refuses => return waits_or_refuses,
        }
    }
}

/// Whether so little has come that the last look's answer stands: whoever sends byte by byte is not to
/// have all before looked at again for each.
fn too_few(arrival: &Arrival) -> bool {
    let waiting = || ioctl_fionread(&arrival.newcomer.socket).unwrap_or(u64::MAX);
    !arrival.ended && arrival.needed > 0 && waiting() < arrival.needed as u64
}

/// What the client has sent so far, at most `longest` bytes of it; where there is nothing to look at, what
/// to do about it.
fn peek<'a>(arrival: &Arrival, buffer: &'a mut [u8], longest: usize) -> Result<&'a [u8], Look> {
    let size = longest.min(buffer.len());
    match recv(&arrival.newcomer.socket, &mut buffer[..size], RecvFlags::PEEK) {
        Ok((0, _)) => Err(Look::Refuse(CloseReason::ClientClosed, "")),
        Ok((count, _)) => Ok(&buffer[..count]),
        Err(Errno::AGAIN | Errno::INTR) => Err(Look::Wait),
        Err(_) => Err(Look::Refuse(CloseReason::ClientReset, "")),
    }
}

/// Takes so many bytes, which are there.
fn take(arrival: &Arrival, buffer: &mut [u8], mut count: usize) -> Result<(), Look> {
    while count > 0 {
        match recv(&arrival.newcomer.socket, &mut buffer[..count], RecvFlags::empty()) {
            // A read may end early at the place of an urgent byte, but not before what was seen.
            Ok((taken @ 1.., _)) => count -= taken,
            Err(Errno::INTR) => {}
            _ => return Err(Look::Refuse(CloseReason::ClientReset, "")),
        }
    }
    Ok(())
}

fn matches(arrival: &Arrival, query: &SessionQuery) -> bool {
    (query.listener.is_empty() || *arrival.newcomer.listener.name == *query.listener)
        && query.node.is_empty()
        && (query.client.is_empty() || matches_client(arrival.newcomer.address, &query.client))
}

#[cfg(test)]
mod tests {
    /// Thousands that never finish cost what an entry costs, and no bytes of theirs.
    #[test]
    fn an_arrival_is_small() {
        let size = std::mem::size_of::<super::Arrival>();
        assert!(size <= 192, "{size} bytes");
    }
}
