//! Many conversations at once, each on a connection of its own, each ended when it was answered. A
//! slot is one place in the crowd; when its client is done, the next one may take it.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::arguments::Arguments;
use crate::echo::Echo;
use crate::events::Events;
use crate::link::{Failure, Link};
use crate::pattern::Pattern;
use crate::tally::Tally;

/// How often slots are searched for clients that waited too long.
const SWEEP: Duration = Duration::from_millis(250);

/// Who speaks first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The client, at once.
    ClientFirst,
    /// The node; the client answers its name.
    ServerFirst,
    /// The client, after a pause.
    IdleThenSpeak,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Kind, String> {
        match word {
            "client-first" => Ok(Kind::ClientFirst),
            "server-first" => Ok(Kind::ServerFirst),
            "idle-then-speak" => Ok(Kind::IdleThenSpeak),
            _ => Err("expected client-first, server-first or idle-then-speak".into()),
        }
    }
}

/// How every client of a crowd behaves.
pub(crate) struct Manner {
    target: SocketAddr,
    kind: Kind,
    bytes: u64,
    pause: Duration,
    /// The client ends its direction first, and waits for the node's end; else the other way round.
    client_ends: bool,
    timeout: Duration,
}

impl Manner {
    /// Takes its options.
    pub(crate) fn parse(arguments: &mut Arguments) -> Result<Manner, Box<dyn Error>> {
        Ok(Manner {
            target: arguments.need("target")?,
            kind: arguments.get("kind", Kind::ClientFirst)?,
            bytes: arguments.get("bytes", 64)?,
            pause: Duration::from_millis(arguments.get("pause-ms", 100)?),
            client_ends: match arguments.get("ending", "client".to_owned())?.as_str() {
                "client" => true,
                "node" => false,
                other => return Err(format!("--ending {other:?}: expected client or node").into()),
            },
            timeout: Duration::from_secs(arguments.get("timeout-s", 30)?),
        })
    }
}

struct Client {
    link: Link,
    /// Tells this client from others that had the slot.
    serial: u64,
    since: Instant,
    epoch: u32,
    has_ended: bool,
}

/// The crowd.
pub(crate) struct Crowd {
    manner: Manner,
    pattern: Pattern,
    buffer: Vec<u8>,
    slots: Vec<Option<Client>>,
    free: Vec<usize>,
    /// Who will speak when: in order, since all pauses are alike.
    pauses: VecDeque<(Instant, usize, u64)>,
    swept: Instant,
    begun: u64,
    /// The current epoch; the caller moves it on.
    pub(crate) epoch: u32,
    /// What became of them.
    pub(crate) tally: Tally,
}

impl Crowd {
    /// Room for `size` clients, none there yet.
    pub(crate) fn new(manner: Manner, size: usize) -> Crowd {
        Crowd {
            manner,
            pattern: Pattern::new(),
            buffer: vec![0; 64 * 1024],
            slots: (0..size).map(|_| None).collect(),
            free: (0..size).rev().collect(),
            pauses: VecDeque::new(),
            swept: Instant::now(),
            begun: 0,
            epoch: 0,
            tally: Tally::new(),
        }
    }

    /// Clients that were begun, ended ones included.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether no client is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Begins clients until every slot has one or `limit` were begun.
    pub(crate) fn fill(&mut self, events: &Events, limit: u64) -> Result<(), Errno> {
        let now = Instant::now();
        // Each slot at most once: a target that refuses at once must not keep us here.
        for _ in 0..self.free.len() {
            if self.begun >= limit {
                break;
            }
            let Some(slot) = self.free.pop() else { break };
            let serial = self.begun;
            self.begun += 1;
            let goal = if self.manner.kind == Kind::ClientFirst { self.manner.bytes } else { 0 };
            match Link::open(self.manner.target, Echo::new(serial, goal)) {
                Ok(link) => {
                    events.watch(link.socket(), slot as u64)?;
                    self.slots[slot] =
                        Some(Client { link, serial, since: now, epoch: self.epoch, has_ended: false });
                    if self.manner.kind == Kind::IdleThenSpeak {
                        self.pauses.push_back((now + self.manner.pause, slot, serial));
                    }
                    self.attend(slot);
                }
                Err(failure) => {
                    self.tally.failed(failure, "");
                    self.free.insert(0, slot);
                }
            }
        }
        Ok(())
    }

    /// How long nothing will have to be done unless an event comes.
    pub(crate) fn patience(&self) -> Duration {
        if !self.free.is_empty() {
            // Clients that failed at once left room, and no event will tell of it.
            return Duration::from_millis(1);
        }
        let next = self.pauses.front().map(|(at, ..)| at.saturating_duration_since(Instant::now()));
        next.unwrap_or(SWEEP).min(SWEEP)
    }

    /// Does what is due by the clock: pauses that are over, clients that waited too long.
    pub(crate) fn tick(&mut self) {
        let now = Instant::now();
        while let Some(&(_, slot, serial)) = self.pauses.front().filter(|(at, ..)| *at <= now) {
            self.pauses.pop_front();
            if let Some(client) = self.slots[slot].as_mut().filter(|client| client.serial == serial) {
                client.link.echo.goal = self.manner.bytes;
                self.attend(slot);
            }
        }
        if now.duration_since(self.swept) >= SWEEP {
            self.swept = now;
            for slot in 0..self.slots.len() {
                let late = |client: &Client| now.duration_since(client.since) > self.manner.timeout;
                if self.slots[slot].as_ref().is_some_and(late) {
                    self.dismiss(slot, Err(Failure::Timeout));
                }
            }
        }
    }

    /// Moves the slot's client on as far as its socket allows.
    pub(crate) fn attend(&mut self, slot: usize) {
        // An event may be about a client that left in the same batch.
        let Some(client) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        match client.advance(&self.manner, &self.pattern, &mut self.buffer) {
            Ok(false) => {}
            Ok(true) => self.dismiss(slot, Ok(())),
            Err(failure) => self.dismiss(slot, Err(failure)),
        }
    }

    fn dismiss(&mut self, slot: usize, outcome: Result<(), Failure>) {
        let Some(client) = self.slots[slot].take() else { return };
        let node = client.link.echo.name();
        match outcome {
            Ok(()) => self.tally.served(client.epoch, self.epoch, node),
            Err(failure) => self.tally.failed(failure, node),
        }
        self.free.push(slot);
    }
}

impl Client {
    /// Says and hears what is possible; true when the conversation came to its good end.
    fn advance(&mut self, manner: &Manner, pattern: &Pattern, buffer: &mut [u8]) -> Result<bool, Failure> {
        self.link.send(pattern)?;
        self.link.receive_all(pattern, buffer)?;
        if manner.kind == Kind::ServerFirst && self.link.echo.goal == 0 && self.link.echo.is_named() {
            self.link.echo.goal = manner.bytes;
            self.link.send(pattern)?;
            self.link.receive_all(pattern, buffer)?;
        }
        let answered = self.link.echo.goal > 0 && self.link.echo.all_answered();
        if answered && manner.client_ends && !self.has_ended {
            self.has_ended = true;
            self.link.end()?;
            self.link.receive_all(pattern, buffer)?;
        }
        Ok(answered && self.link.has_ended())
    }
}
