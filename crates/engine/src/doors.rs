//! A worker's listening sockets: watched, closed for a while at a limit, opened and closed for good with plans.
//! At a limit the worker stops accepting, instead of accepting what it cannot serve: the connections wait in
//! the kernel's queue, and it looks again a little later (law 9).

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protobalance_core::moment::Moment;
use rustix::event::epoll;

use crate::bind::Bound;
use crate::plan::Listener;
use crate::ports::Pin;
use crate::report::Event as Told;
use crate::token::Token;
use crate::worker::Worker;

/// How soon a worker at a limit looks again, if none of its own sessions ends before.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// A limit counts as no longer reached when it was not reached for so long: at a limit, each session
/// that ends lets one in, and nobody wants to hear of each.
const CALM: Duration = Duration::from_secs(1);

/// What keeps a worker from accepting, in a word and a sentence.
pub(crate) struct Limit {
    word: &'static str,
    sentence: &'static str,
}

pub(crate) const SESSIONS: Limit = Limit {
    word: "sessions",
    sentence: "max_sessions is reached: new connections wait in the kernel's queue",
};
pub(crate) const LISTENER_SESSIONS: Limit = Limit {
    word: "listener-sessions",
    sentence: "a listener's max_sessions is reached: its new connections wait in the kernel's queue",
};
pub(crate) const LISTENER_RATE: Limit = Limit {
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
    /// Which of the paused ones was tried first when they were last tried again.
    first: usize,
    /// When closed-for-now doors are looked at again.
    look_again: Option<Moment>,
    /// The limits that were told about and when each was last reached.
    told: Vec<(&'static str, Moment)>,
}

/// One listening socket and whom it serves.
#[derive(Debug)]
pub(crate) struct Door {
    bound: Arc<Bound>,
    /// Which of the address's sockets.
    place: usize,
    pub(crate) listener: Arc<Listener>,
    /// The node that this port belongs to, if it belongs to one.
    pub(crate) owner: Option<Pin>,
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

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.bound.socket(self.place)
    }
}

impl Doors {
    pub(crate) fn at(&self, place: usize) -> Option<&Door> {
        self.doors.get(place)?.as_ref()
    }

    pub(crate) fn sleep(&self, now: Moment) -> Option<Duration> {
        let calm = self.told.iter().map(|(_, reached)| reached.after(CALM));
        calm.chain(self.look_again).min().map(|moment| moment.since(now))
    }

    /// Has the worker look again in a while.
    fn look_again_by(&mut self, moment: Moment) {
        self.look_again = Some(self.look_again.map_or(moment, |sooner| sooner.min(moment)));
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

    /// Closes all doors but those kept. What waits in a closing door's queue is taken in first, and all who
    /// were taken in get their sessions now, or when there are descriptors for these.
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
        self.open_all();
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

    /// Stops watching a door for a while: a full table must not spin the loop.
    pub(crate) fn pause(&mut self, place: usize, limit: &Limit, span: Duration) {
        self.unwatch_door(place);
        if let Some(door) = &mut self.doors.doors[place] {
            door.paused = true;
        }
        self.doors.look_again_by(self.at.now.after(span));
        self.counts.paused.store(true, Relaxed);
        self.reached(limit);
    }

    /// Tells of a limit, once for as long as it is reached again and again.
    pub(crate) fn reached(&mut self, limit: &Limit) {
        let now = self.at.now;
        match self.doors.told.iter_mut().find(|(word, _)| *word == limit.word) {
            Some((_, reached)) => *reached = now,
            None => {
                self.doors.told.push((limit.word, now));
                let event = Told::LimitReached { limit: limit.word.into(), message: limit.sentence.into() };
                self.shared.events.tell(event);
            }
        }
    }

    /// Tries paused doors again when it is time.
    pub(crate) fn reopen_doors(&mut self) {
        let now = self.at.now;
        for (limit, _) in self.doors.told.extract_if(.., |(_, reached)| now >= reached.after(CALM)) {
            self.shared.events.tell(Told::LimitCleared { limit: limit.into() });
        }
        if self.doors.look_again.is_none_or(|moment| self.at.now < moment) {
            return;
        }
        self.doors.look_again = None;
        // Another of them each time: whoever is first takes the room that there is.
        let (count, begin, mut first) = (self.doors.doors.len(), self.doors.first + 1, None);
        for place in (begin..count).chain(0..begin.min(count)) {
            if let Some(door) = &mut self.doors.doors[place]
                && std::mem::replace(&mut door.paused, false)
            {
                self.doors.first = *first.get_or_insert(place);
                self.watch_door(place);
                self.accept(place);
            }
        }
        if self.doors.look_again.is_none() {
            self.counts.paused.store(false, Relaxed);
        }
    }
}
