//! Taking connections in, in two steps. All that wait at a door leave the kernel's queue first, which drops
//! whom it has no room for; then sessions are opened for some of them each turn, in the order they came, so
//! that no flood keeps the sessions that there are from their bytes.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protobalance_core::failover::Trace;
use protobalance_core::session::{Action, Session, Side};

use crate::admission::{TurnedAway, admit};
use crate::arrivals::header;
use crate::doors::{DESCRIPTORS, LISTENER_RATE, LISTENER_SESSIONS, Limit, PAUSE, SESSIONS};
use crate::ending::reset_at_close;
use crate::newcomer::Newcomer;
use crate::pair::{NodeTuning, Pair};
use crate::plan::Listener;
use crate::queue::{Next, next};
use crate::relay::Flow;
use crate::worker::Worker;

/// Connections taken from the queue of a listener per wake-up: a few microseconds each.
const ACCEPTS_PER_TURN: usize = 512;
/// Newcomers for whom sessions are opened per wake-up: ten times as much work each.
const OPENS_PER_TURN: usize = 64;
/// And for so long: a handshake of TLS can take a millisecond of ours.
const OPENING: Duration = Duration::from_millis(10);

impl Worker {
    /// Takes in what waits at a door.
    pub(crate) fn accept(&mut self, place: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.keeps_pace(place) || !self.accept_one(place) {
                return;
            }
        }
    }

    /// Whether the listener's rate allows one more; if not, the door is closed until it does.
    fn keeps_pace(&mut self, place: usize) -> bool {
        let Some(door) = self.doors.at(place) else { return false };
        let wait = door.listener.counts.pace.wait(self.at.now);
        if wait.is_zero() {
            return true;
        }
        self.pause(place, &LISTENER_RATE, wait.max(PAUSE));
        false
    }

    /// Takes in one connection; false if none waits or there is no room.
    pub(crate) fn accept_one(&mut self, place: usize) -> bool {
        let Some(door) = self.doors.at(place) else { return false };
        let listener = Arc::clone(&door.listener);
        // Room is taken before the connection is, so that several workers together keep the limit.
        if let Err(limit) = self.take_room(&listener) {
            self.pause(place, limit, PAUSE);
            return false;
        }
        let spare = self.spares.take(&self.epoll);
        let next = if spare.is_some() { next(door.socket()) } else { Next::Shortage };
        if let Next::Connection(socket, address) = next {
            let pin = door.owner.clone();
            listener.counts.pace.pass(self.at.now);
            self.let_in(Newcomer { spare, pin, ..Newcomer::new(socket, address, listener) });
            return true;
        }
        self.give_up_room(&listener, spare);
        if let Next::Shortage = next {
            self.spares.clear();
            self.pause(place, &DESCRIPTORS, PAUSE);
        }
        matches!(next, Next::Gone)
    }

    /// Takes a place for a connection; the limit that is reached, if there is none.
    fn take_room(&self, listener: &Listener) -> Result<(), &'static Limit> {
        if !self.shared.room.take() {
            return Err(&SESSIONS);
        }
        if !listener.counts.room.take() {
            self.shared.room.give_back();
            return Err(&LISTENER_SESSIONS);
        }
        Ok(())
    }

    fn give_up_room(&mut self, listener: &Listener, spare: Option<OwnedFd>) {
        self.shared.room.give_back();
        listener.counts.room.give_back();
        self.keep_spare(spare);
    }

    /// For the next, for a while.
    fn keep_spare(&mut self, spare: Option<OwnedFd>) {
        self.spares.put_back(spare);
        self.round_soon();
    }

    /// Has a connection just accepted, for which there is room, wait for its session, unless its client may
    /// not come in. Where a header is to name the client, that is not known yet.
    fn let_in(&mut self, mut newcomer: Newcomer) {
        if !header::names_client(&newcomer) {
            let client = canonical(newcomer.address.ip());
            match admit(&self.shared, &newcomer.listener, client, self.at.now) {
                Ok(admitted) => newcomer.admitted = admitted,
                Err(TurnedAway) => return self.turn_away(newcomer),
            }
        }
        self.counts.waiting.fetch_add(1, Relaxed);
        self.newcomers.push(newcomer);
    }

    /// By a reset: the cheapest end for both.
    fn turn_away(&mut self, newcomer: Newcomer) {
        let Newcomer { socket, spare, listener, .. } = newcomer;
        reset_at_close(&socket);
        drop(socket);
        self.give_up_room(&listener, spare);
    }

    /// Opens sessions for those whose turn it is.
    pub(crate) fn open_some(&mut self) {
        let begun = self.shared.clock.now();
        for _ in 0..OPENS_PER_TURN.min(self.newcomers.len()) {
            self.open_first();
            if self.shared.clock.now().since(begun) > OPENING {
                return;
            }
        }
    }

    /// Opens sessions for all who wait: they came before whatever comes now.
    pub(crate) fn open_all(&mut self) {
        while !self.newcomers.is_empty() {
            self.open_first();
        }
    }

    /// Takes the one whose turn it is as far as it goes at once.
    fn open_first(&mut self) {
        let Some(newcomer) = self.newcomers.pop() else { return };
        self.counts.waiting.fetch_sub(1, Relaxed);
        self.count_opened(&newcomer.listener);
        if newcomer.listener.preface.is_some() {
            self.arrive(newcomer);
        } else {
            self.open(newcomer);
        }
    }

    pub(crate) fn count_opened(&self, listener: &Listener) {
        listener.counts.opened.fetch_add(1, Relaxed);
        self.shared.active.fetch_add(1, Relaxed);
        self.counts.opened.fetch_add(1, Relaxed);
    }

    /// Opens a session for a client of whom all is known that must be. Its key and epoch: it may be over
    /// already.
    pub(crate) fn open(&mut self, mut newcomer: Newcomer) -> (u32, u32) {
        let route = newcomer.route(&self.plan);
        let Newcomer { socket: client, spare, address, listener, pin, admitted, learned, tls, .. } = newcomer;
        self.keep_spare(spare);
        let mut trace = Trace::empty();
        let (at, from) = (self.draw(), canonical(address.ip()));
        let cluster = Arc::clone(&route.cluster);
        let (session, action) = match &pin {
            Some(pin) => Session::open_at(from, cluster, pin.node, at),
            None => Session::open(from, cluster, at, &mut trace),
        };
        let decision = self.decisions.record(at.now, (address, learned.as_deref()), &listener, &route, trace);
        let pair = Pair {
            session,
            route: Some(route),
            listener,
            port: pin.map_or(0, |pin| pin.port),
            client_address: address,
            client,
            learned,
            node: None,
            introduction: None,
            client_tls: tls,
            node_tls: None,
            to_node: Flow::new(),
            to_client: Flow::new(),
            broken: None,
            closing: None,
            undelivered: 0,
            ftp: None,
            attempt: 0,
            decision,
            counted: [0, 0],
            dirty: false,
            room_awaited: [true; 2],
            admitted,
            node_tuned: NodeTuning::default(),
        };
        let key = self.table.insert(pair);
        let epoch = self.table.epoch(key);
        self.note_active();
        self.carry_out(key, action);
        // Watched last: by now most short clients have spoken, and their bytes are on their way.
        self.watch(key, Side::Client);
        if matches!(action, Action::Attempt(_)) {
            self.note_attempts(key);
        }
        (key, epoch)
    }
}

/// IPv4-mapped addresses are IPv4: a client is the same through either kind of listener.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    }
}
