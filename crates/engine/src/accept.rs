//! Taking connections in. At a limit the worker stops accepting, instead of accepting what it cannot
//! serve: the connections wait in the kernel's queue, and it looks again a little later (law 9).

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protobalance_core::failover::Trace;
use protobalance_core::moment::Moment;
use protobalance_core::session::{Action, Session, Side};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};

use crate::admission::{TurnedAway, admit};
use crate::arrivals::header;
use crate::bind::Bound;
use crate::newcomer::Newcomer;
use crate::pair::{NodeTuning, Pair};
use crate::plan::Listener;
use crate::ports::Pin;
use crate::relay::Flow;
use crate::report::Event as Told;
use crate::token::Token;
use crate::worker::Worker;

/// Connections taken in per wake-up and listener: no flood keeps sessions waiting for longer.
const ACCEPTS_PER_TURN: usize = 64;
/// How soon a worker at a limit looks again, if none of its own sessions ends before.
const PAUSE: Duration = Duration::from_millis(20);
/// A limit counts as no longer reached when it was not reached for so long: at a limit, each session
/// that ends lets one in, and nobody wants to hear of each.
const CALM: Duration = Duration::from_secs(1);

/// What keeps a worker from accepting, in a word and a sentence.
pub(crate) struct Limit {
    word: &'static str,
    sentence: &'static str,
}

const SESSIONS: Limit = Limit {
    word: "sessions",
    sentence: "max_sessions is reached: new connections wait in the kernel's queue",
};
const LISTENER_SESSIONS: Limit = Limit {
    word: "listener-sessions",
    sentence: "a listener's max_sessions is reached: its new connections wait in the kernel's queue",
};
const LISTENER_RATE: Limit = Limit {
    word: "listener-rate",
    sentence: "a listener's new_sessions_per_second is reached: its new connections wait in the kernel's queue",
};
pub(crate) const DESCRIPTORS: Limit = Limit {
    word: "descriptors",
    sentence: "no descriptors or memory are left: new connections wait in the kernel's queue",
};

pub(crate) const DATA_PORTS: Limit = Limit {
    word: "data-ports",
    sentence: "no port of ftp.data_ports is free: clients who ask for one are told to try again (425)",
};

/// A worker's listening sockets.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    /// By the place that their events name; a closed one leaves its place free.
    doors: Vec<Option<Door>>,
    /// When closed-for-now doors are looked at again.
    look_again: Option<Moment>,
    /// The limit that was told about and when it was last reached.
    told: Option<(&'static str, Moment)>,
}

#[derive(Debug)]
struct Door {
    bound: Arc<Bound>,
    /// Which of the address's sockets.
    place: usize,
    listener: Arc<Listener>,
    /// The node that this port belongs to, if it belongs to one.
    owner: Option<Pin>,
    paused: bool,
}

impl Door {
    fn new(bound: &Arc<Bound>, place: usize, listener: &Arc<Listener>) -> Door {
        let owner = listener.ports.owner(&listener.route, bound.address.port());
        Door { bound: Arc::clone(bound), place, listener: Arc::clone(listener), owner, paused: false }
    }

    fn serve(&mut self, listener: &Arc<Listener>) {
        let paused = self.paused;
        *self = Door { paused, ..Door::new(&self.bound, self.place, listener) };
    }

    fn socket(&self) -> BorrowedFd<'_> {
        self.bound.socket(self.place)
    }
}

impl Doors {
    pub(crate) fn sleep(&self, now: Moment) -> Option<Duration> {
        let calm = self.told.map(|(_, reached)| reached.after(CALM));
        self.look_again.into_iter().chain(calm).min().map(|moment| moment.since(now))
    }

    /// A session ended: there may be room now.
    pub(crate) fn look_again_soon(&mut self, now: Moment) {
        if self.look_again.is_some() {
            self.look_again = Some(now);
        }
    }
}

impl Worker {
    /// Opens the plan's doors, closes those it has no more, and tells the others whom they serve now.
    pub(crate) fn change_doors(&mut self) {
        let plan = Arc::clone(&self.plan);
        let kept: Vec<&Arc<Bound>> = plan.bound.iter().map(|(bound, _)| bound).collect();
        self.close_doors(&kept);
        for (bound, listener) in &plan.bound {
            let mut known = false;
            for door in self.doors.doors.iter_mut().flatten() {
                if Arc::ptr_eq(&door.bound, bound) {
                    door.serve(listener);
                    known = true;
                }
            }
            if !known {
                for place in bound.watched_by(self.index) {
                    self.open_door(bound, place, listener);
                }
            }
        }
    }

    fn open_door(&mut self, bound: &Arc<Bound>, place: usize, listener: &Arc<Listener>) {
        let door = Door::new(bound, place, listener);
        let free = self.doors.doors.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.doors.doors.push(None);
            self.doors.doors.len() - 1
        });
        self.doors.doors[place] = Some(door);
        self.watch_door(place);
    }

    /// Closes all doors but those kept. What waits in a closing door's queue is taken in first.
    pub(crate) fn close_doors(&mut self, kept: &[&Arc<Bound>]) {
        for place in 0..self.doors.doors.len() {
            let Some(door) = &self.doors.doors[place] else { continue };
            if kept.iter().any(|bound| Arc::ptr_eq(bound, &door.bound)) {
                continue;
            }
            // At most what a queue can hold, however fast new ones come.
            for _ in 0..u16::MAX {
                if !self.accept_one(place) {
                    break;
                }
            }
            self.unwatch_door(place);
            self.doors.doors[place] = None;
        }
    }

    fn watch_door(&mut self, place: usize) {
        let Some(door) = &self.doors.doors[place] else { return };
        let mut flags = epoll::EventFlags::IN;
        if door.bound.shared() {
            flags |= epoll::EventFlags::EXCLUSIVE;
        }
        let token = epoll::EventData::new_u64(Token::Listener(place as u32).pack());
        if let Err(error) = epoll::add(&self.epoll, door.socket(), token, flags) {
            let message = format!("worker {} cannot watch {}: {error}", self.index, door.bound.address);
            self.shared.events.tell(Told::Warning { message });
        }
    }

    fn unwatch_door(&mut self, place: usize) {
        if let Some(door) = &self.doors.doors[place]
            && !door.paused
        {
            // It is watched, so this cannot fail.
            let _ = epoll::delete(&self.epoll, door.socket());
        }
    }

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
        let Some(Some(door)) = self.doors.doors.get(place) else { return false };
        let wait = door.listener.counts.pace.wait(self.at.now);
        if wait.is_zero() {
            return true;
        }
        self.pause(place, &LISTENER_RATE, wait.max(PAUSE));
        false
    }

    /// Takes in one connection; false if none waits or there is no room.
    fn accept_one(&mut self, place: usize) -> bool {
        let Some(Some(door)) = self.doors.doors.get(place) else { return false };
        let listener = Arc::clone(&door.listener);
        if !self.spare.keep(&self.epoll) {
            self.pause(place, &DESCRIPTORS, PAUSE);
            return false;
        }
        // Room is taken before the connection is, so that several workers together keep the limit.
        if !self.shared.room.take() {
            self.pause(place, &SESSIONS, PAUSE);
            return false;
        }
        if !listener.counts.room.take() {
            self.shared.room.give_back();
            self.pause(place, &LISTENER_SESSIONS, PAUSE);
            return false;
        }
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let accepted: Result<Option<(OwnedFd, SocketAddr)>, Errno> =
            match acceptfrom_with(door.socket(), flags) {
                Ok((socket, address)) => {
                    Ok(address.and_then(|address| Some((socket, address.try_into().ok()?))))
                }
                Err(error) => Err(error),
            };
        if let Ok(Some((socket, address))) = accepted {
            let pin = door.owner.clone();
            listener.counts.pace.pass(self.at.now);
            self.take_in(Newcomer {
                socket,
                address,
                listener,
                pin,
                admitted: None,
                learned: None,
                tls: None,
            });
            return true;
        }
        self.shared.room.give_back();
        listener.counts.room.give_back();
        match accepted {
            // A connection that was reset while it waited.
            Ok(_) | Err(Errno::CONNABORTED | Errno::INTR) => true,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                self.pause(place, &DESCRIPTORS, PAUSE);
                false
            }
            Err(_) => false,
        }
    }

    /// Stops watching a door for a while: a full table must not spin the loop.
    fn pause(&mut self, place: usize, limit: &Limit, span: Duration) {
        self.unwatch_door(place);
        if let Some(door) = &mut self.doors.doors[place] {
            door.paused = true;
        }
        let then = self.at.now.after(span);
        self.doors.look_again = Some(self.doors.look_again.map_or(then, |sooner| sooner.min(then)));
        self.counts.paused.store(true, Relaxed);
        self.reached(limit);
    }

    /// Tells of a limit, once for as long as it is reached again and again.
    pub(crate) fn reached(&mut self, limit: &Limit) {
        let told = self.doors.told.replace((limit.word, self.at.now));
        if told.is_none_or(|(word, _)| word != limit.word) {
            let event = Told::LimitReached { limit: limit.word.into(), message: limit.sentence.into() };
            self.shared.events.tell(event);
        }
    }

    /// Tries paused doors again when it is time.
    pub(crate) fn reopen_doors(&mut self) {
        if let Some((limit, reached)) = self.doors.told
            && self.at.now >= reached.after(CALM)
        {
            self.doors.told = None;
            self.shared.events.tell(Told::LimitCleared { limit: limit.into() });
        }
        if self.doors.look_again.is_none_or(|moment| self.at.now < moment) {
            return;
        }
        self.doors.look_again = None;
        for place in 0..self.doors.doors.len() {
            if let Some(door) = &mut self.doors.doors[place]
                && std::mem::replace(&mut door.paused, false)
            {
                self.watch_door(place);
                self.accept(place);
            }
        }
        if self.doors.look_again.is_none() {
            self.counts.paused.store(false, Relaxed);
        }
    }

    /// Takes a connection just accepted, for which there is room, as far as it goes at once.
    fn take_in(&mut self, mut newcomer: Newcomer) {
        if header::names_client(&newcomer) {
            // Who it is for is not known yet.
            self.count_opened(&newcomer.listener);
            return self.arrive(newcomer);
        }
        let client = canonical(newcomer.address.ip());
        match admit(&self.shared, &newcomer.listener, client, self.at.now) {
            Ok(admitted) => newcomer.admitted = admitted,
            Err(TurnedAway) => return self.turn_away(newcomer.socket, &newcomer.listener),
        }
        self.count_opened(&newcomer.listener);
        if newcomer.listener.preface.is_some() {
            return self.arrive(newcomer);
        }
        self.open(newcomer);
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
        let Newcomer { socket: client, address, listener, pin, admitted, learned, tls } = newcomer;
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
