//! One worker: a thread with its own event loop, its own listening sockets, its own sessions. It
//! shares counts and the plan with the others, and waits for none of them.
//!
//! The way of a connection: `accept.rs` takes it in (by way of `arrivals.rs`, where something must be
//! read before a node can be chosen), `sessions.rs` carries out what
//! `protobalance_core::session` decides, `relay.rs` moves its bytes.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use protobalance_core::failover::Circumstances;
use protobalance_core::hash::draw;
use protobalance_core::moment::Moment;
use protobalance_core::session::{Event, Side};
use rustix::event::epoll;
use rustix::io::Errno;

use crate::admission::Admission;
use crate::alarm::Alarm;
use crate::arrivals::Arrivals;
use crate::attempt::{FailedAttempt, Tried};
use crate::clock::{Clock, unix_seconds};
use crate::decisions::Decisions;
use crate::doors::{Doors, PAUSE};
use crate::events::{Events, clear, signal};
use crate::ftp::Waiting;
use crate::limits::Room;
use crate::lines::Lines;
use crate::newcomer::Newcomer;
use crate::peers::{Ends, Peers};
use crate::plan::Plan;
use crate::relay::{BUFFER, Pipes, Supply};
use crate::report::{DecisionReport, SessionReport};
use crate::session_log::SessionLog;
use crate::spares::Spares;
use crate::table::Table;
use crate::timer::Timer;
use crate::token::Token;

const EVENTS_PER_WAKE: usize = 512;

/// What the control plane asks of a worker. Answers go through the channel that comes with it.
pub(crate) enum Command {
    Plan(Arc<Plan>, Sender<()>),
    /// From a peer that has more to care for; the generation of its plan.
    TakeOver(Newcomer, u64),
    /// Some node takes no clients any more, or shall have no sessions.
    LookAtWithdrawn(Sender<()>),
    Sessions(SessionQuery, Sender<Vec<SessionReport>>),
    Decisions {
        listener: String,
        client: String,
        limit: usize,
        answer: Sender<Vec<DecisionReport>>,
    },
    /// Take in what waits at the listeners, then close them.
    Drain(Sender<()>),
    Stop,
    /// What no command should be able to do.
    #[cfg(test)]
    Panic,
    /// Do nothing until nobody listens any more; the first word is that this begins.
    #[cfg(test)]
    Rest(std::sync::mpsc::SyncSender<()>),
}

/// Which sessions are asked for; empty strings match all.
#[derive(Clone, Debug)]
pub(crate) struct SessionQuery {
    pub(crate) listener: String,
    pub(crate) node: String,
    pub(crate) client: String,
    pub(crate) limit: usize,
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) events: Arc<Events>,
    pub(crate) log: SessionLog,
    pub(crate) room: Room,
    pub(crate) active: AtomicU64,
    pub(crate) admission: Admission,
    pub(crate) pipes: Arc<Supply>,
    pub(crate) peers: Peers,
}

/// One worker's counts, for the snapshot.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounts {
    pub(crate) alive: AtomicBool,
    pub(crate) active: AtomicU64,
    /// Newcomers that were taken in, here or by a peer, and wait for their sessions.
    pub(crate) waiting: AtomicU64,
    /// Of these, whom peers have given and the worker has yet to look at.
    pub(crate) given: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) buffered: AtomicU64,
    pub(crate) paused: AtomicBool,
}

/// A worker's state; lives on its thread.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) counts: Arc<WorkerCounts>,
    pub(crate) epoll: OwnedFd,
    pub(crate) plan: Arc<Plan>,
    pub(crate) doors: Doors,
    /// Taken in, in the order they came; they have no sessions yet.
    pub(crate) newcomers: Lines,
    /// How many sessions end is how long newcomers will stay.
    pub(crate) ends: Ends,
    pub(crate) arrivals: Arrivals,
    pub(crate) table: Table,
    pub(crate) timer: Timer,
    /// Data connections of FTP that are awaited.
    pub(crate) data: Waiting,
    pub(crate) decisions: Decisions,
    pub(crate) buffer: Box<[u8]>,
    /// For bulk.
    pub(crate) pipes: Pipes,
    /// For clients' nodes when descriptors run out.
    pub(crate) spares: Spares,
    /// Bytes held for sinks that would not take them, over all sessions.
    pub(crate) held: usize,
    /// Directions whose turn was up while there was more.
    pub(crate) unfinished: Vec<(u32, Side)>,
    /// Attempts that failed as soon as they were made.
    pub(crate) failed: Vec<FailedAttempt>,
    /// Attempts that wait for descriptors.
    pub(crate) postponed: Vec<Tried>,
    /// Sessions with bytes not yet counted for their nodes.
    pub(crate) dirty: Vec<u32>,
    pub(crate) round_at: Moment,
    /// The time and the randomness of this batch of events.
    pub(crate) at: Circumstances,
    random: u64,
    alarm: Alarm,
    commands: Receiver<Command>,
    wake: Arc<OwnedFd>,
    stopping: bool,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        counts: Arc<WorkerCounts>,
        commands: Receiver<Command>,
        wake: Arc<OwnedFd>,
        seed: u64,
    ) -> Result<Worker, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &*wake, epoll::EventData::new_u64(Token::Wake.pack()), epoll::EventFlags::IN)?;
        let now = shared.clock.now();
        let alarm = Alarm::new(&epoll)?;
        Ok(Worker {
            index,
            counts,
            epoll,
            plan: Arc::new(Plan::empty()),
            doors: Doors::default(),
            newcomers: Lines::default(),
            ends: Ends::default(),
            arrivals: Arrivals::new(now),
            table: Table::default(),
            timer: Timer::new(now),
            data: Waiting::new(now),
            decisions: Decisions::default(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            pipes: Pipes::new(Arc::clone(&shared.pipes)),
            spares: Spares::default(),
            held: 0,
            unfinished: Vec::new(),
            failed: Vec::new(),
            postponed: Vec::new(),
            dirty: Vec::new(),
            round_at: Moment::NEVER,
            at: Circumstances { now, unix_now: unix_seconds(), random: seed },
            random: seed,
            shared,
            alarm,
            commands,
            wake,
            stopping: false,
        })
    }

    /// Runs until told to stop.
    pub(crate) fn run(&mut self) {
        let mut events = Vec::with_capacity(EVENTS_PER_WAKE);
        let mut due = Vec::new();
        while !self.stopping {
            self.wait(&mut events);
            self.look_at_the_clock();
            self.move_failed_on();
            self.make_postponed();
            for event in events.drain(..) {
                let flags = event.flags;
                match Token::unpack(event.data.u64()) {
                    Token::Wake => self.obey(),
                    // What is due is looked for after every batch.
                    Token::Alarm => {}
                    Token::Listener(place) => self.accept(place as usize),
                    Token::Data { key, epoch } => self.on_data(key, epoch),
                    Token::Session { key, epoch, attempt, side } => {
                        if self.table.epoch(key) == epoch {
                            self.on_socket_event(key, attempt, side, flags);
                        }
                    }
                    Token::Arrival { key, epoch } => self.on_arrival_event(key, epoch, flags),
                }
            }
            if !self.newcomers.is_empty() {
                self.share();
                self.open_some();
            }
            for (key, side) in std::mem::take(&mut self.unfinished) {
                self.go_on(key, side);
            }
            self.timer.expire(self.at.now, &mut due);
            for key in due.drain(..) {
                self.on_timer(key);
            }
            self.expire_arrivals(&mut due);
            self.expire_data(&mut due);
            self.reopen_doors();
            self.end_round();
        }
    }

    /// A new random number for every choice.
    pub(crate) fn draw(&mut self) -> Circumstances {
        self.at.random = draw(&mut self.random);
        self.at
    }

    fn wait(&mut self, events: &mut Vec<epoll::Event>) {
        let now = self.at.now;
        let sleep = if self.unfinished.is_empty() && self.failed.is_empty() && self.newcomers.is_empty() {
            let round = (self.round_at != Moment::NEVER).then(|| self.round_at.since(now));
            let arrivals = self.arrivals.sleep(now);
            // Nobody tells when another worker, or Python, closes some descriptors.
            let short = (!self.postponed.is_empty()).then_some(PAUSE);
            [self.timer.sleep(now), self.data.sleep(now), arrivals, round, self.doors.sleep(now), short]
                .into_iter()
                .flatten()
                .min()
        } else {
            Some(Duration::ZERO)
        };
        let timeout = match sleep {
            Some(Duration::ZERO) => Some(rustix::time::Timespec::default()),
            Some(sleep) => {
                self.alarm.ring_within(sleep, now);
                None
            }
            None => None,
        };
        // An interrupted wait is a wait that found nothing.
        let _ = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), timeout.as_ref());
    }

    fn look_at_the_clock(&mut self) {
        self.at.now = self.shared.clock.now();
        self.at.unix_now = unix_seconds();
    }

    fn obey(&mut self) {
        clear(&*self.wake);
        // An asker who has gone away needs no answer.
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Plan(plan, done) => {
                    self.adopt(plan);
                    let _ = done.send(());
                }
                Command::TakeOver(newcomer, generation) => self.take_over(newcomer, generation),
                Command::LookAtWithdrawn(done) => {
                    self.look_at_withdrawn();
                    let _ = done.send(());
                }
                Command::Sessions(query, answer) => {
                    let _ = answer.send(self.session_reports(&query));
                }
                Command::Decisions { listener, client, limit, answer } => {
                    let _ = answer.send(self.decisions.matching(&listener, &client, limit, self.at.now));
                }
                Command::Drain(done) => {
                    self.close_doors(&[]);
                    self.plan = Arc::new(Plan::empty());
                    let _ = done.send(());
                }
                Command::Stop => self.stop(),
                #[cfg(test)]
                Command::Panic => panic!("as asked"),
                #[cfg(test)]
                Command::Rest(rest) => while rest.send(()).is_ok() {},
            }
        }
    }

    fn adopt(&mut self, plan: Arc<Plan>) {
        self.plan = plan;
        self.change_doors();
    }

    /// Looks at every session whose node may have been withdrawn.
    fn look_at_withdrawn(&mut self) {
        // Some may have been let in by a plan before.
        self.open_all();
        for key in self.table.keys() {
            self.step(key, Event::AdminStateChanged);
        }
    }

    fn stop(&mut self) {
        self.close_doors(&[]);
        self.cut_off_all();
        self.stopping = true;
    }

    fn cut_off_all(&mut self) {
        self.cut_off_arrivals();
        for key in self.table.keys() {
            self.step(key, Event::Stopped);
            self.cut_off(key);
        }
    }

    /// After a panic: what was known of sessions cannot be trusted, so all are cut off. The doors are
    /// sound and stay open, for whoever waits behind them would wait for ever.
    pub(crate) fn recover(&mut self) {
        self.cut_off_all();
        self.unfinished.clear();
        self.failed.clear();
        self.postponed.clear();
        self.dirty.clear();
        // What the panicking session held was never given back.
        self.held = 0;
        // Commands that came meanwhile still wait.
        signal(&*self.wake);
    }
}
