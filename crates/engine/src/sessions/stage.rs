//! One session in a worker that has no thread: a test takes the events in and moves the clock, and is its
//! client and its node.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::channel;
use std::time::Duration;

use protobalance_core::session::Side;
use rustix::event::{EventfdFlags, PollFd, PollFlags, epoll, eventfd, poll};
use rustix::time::Timespec;

use crate::admission::Admission;
use crate::clock::Clock;
use crate::events::Events;
use crate::handed_over::Unclaimed;
use crate::limits::Room;
use crate::newcomer::Newcomer;
use crate::pair::{Pair, other};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::relay::means::{as_stream, connected};
use crate::relay::{PIPE, Supply};
use crate::session_log::SessionLog;
use crate::spec::one_node::plan;
use crate::tls::Link;
use crate::token::Token;
use crate::worker::{Shared, Worker};

/// Only a failing test waits so long.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };
/// A worker looks at its clock more often than it has deadlines.
const STEP: Duration = Duration::from_millis(10);

pub(super) struct Stage {
    pub(super) worker: Worker,
    pub(super) key: u32,
    /// The far ends. They do not block.
    pub(super) client: UnixStream,
    pub(super) node: UnixStream,
}

impl Stage {
    /// A session through which one byte went each way.
    pub(super) fn new() -> Stage {
        let mut stage = Stage::opened(connected(), None);
        stage.exchange();
        stage
    }

    /// A session between a client's two ends, ours last, and a node that has accepted it.
    pub(super) fn opened(client: (UnixStream, UnixStream), tls: Option<Box<Link>>) -> Stage {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = server.local_addr().expect("its address");
        let mut worker = worker();
        let spec = serde_json::from_value(plan(address)).expect("a plan");
        let mut registry = Registry::new(1, Unclaimed::default());
        worker.plan = registry.adopt(spec, worker.at.now).expect("sound");
        let (client, near) = client;
        let listener = Arc::clone(&worker.plan.listeners[0]);
        assert!(worker.shared.room.take() && listener.counts.room.take(), "there is room");
        worker.count_opened(&listener);
        let (key, _) = worker.open(Newcomer { tls, ..Newcomer::new(near.into(), address, listener) });
        let (node, _) = server.accept().expect("accepted");
        Stage { worker, key, client, node: as_stream(node) }
    }

    /// Has so much of what a side said wait for the other.
    pub(super) fn hold(&mut self, from: Side, count: usize) {
        let pair = self.worker.table.get_mut(self.key).expect("open");
        pair.flow_from(from).hold(&vec![b'.'; count]);
        self.worker.held += count;
        self.worker.await_room(self.key, other(from));
    }

    /// A side's end is closed.
    pub(super) fn leave(&mut self, side: Side) {
        let nobody = connected().0;
        match side {
            Side::Client => self.client = nobody,
            Side::Node => self.node = nobody,
        }
    }

    fn exchange(&mut self) {
        for (from, to) in [(Side::Client, Side::Node), (Side::Node, Side::Client)] {
            rustix::io::write(self.end(from), b"?").expect("room");
            assert_eq!(self.hear(to, 1), b"?");
        }
    }

    pub(super) fn end(&self, side: Side) -> &UnixStream {
        match side {
            Side::Client => &self.client,
            Side::Node => &self.node,
        }
    }

    /// What waits for an end, up to so many bytes; nothing also where the end is.
    pub(super) fn read(&self, side: Side, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        match self.end(side).read(&mut bytes) {
            Ok(count) => bytes.truncate(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => bytes.clear(),
            Err(error) => panic!("{error}"),
        }
        bytes
    }

    /// The session, while there is one.
    pub(super) fn pair(&mut self) -> Option<&mut Pair> {
        self.worker.table.get_mut(self.key)
    }

    /// The next bytes for an end, up to so many, or its end; what comes until then is handled.
    pub(super) fn hear(&mut self, side: Side, most: usize) -> Vec<u8> {
        loop {
            let mut waits =
                [PollFd::new(self.end(side), PollFlags::IN), PollFd::new(&self.worker.epoll, PollFlags::IN)];
            let patience = if self.worker.unfinished.is_empty() { PATIENCE } else { Timespec::default() };
            poll(&mut waits, Some(&patience)).expect("a wait");
            let has_come = !waits[0].revents().is_empty();
            let handled = self.look();
            if has_come {
                return self.read(side, most);
            }
            assert!(handled, "nothing happens any more");
        }
    }

    /// Handles what comes, until the session is as wanted.
    pub(super) fn until(&mut self, wanted: impl Fn(&Pair) -> bool) {
        while !self.pair().is_some_and(|pair| wanted(pair)) {
            self.wait();
        }
    }

    /// Whether there is something for an end to read, be it the end.
    pub(super) fn has_come(&self, side: Side) -> bool {
        let mut waits = [PollFd::new(self.end(side), PollFlags::IN)];
        poll(&mut waits, Some(&Timespec::default())).expect("a look") > 0
    }

    /// Waits until anything comes for us, or for an end what it waits for.
    pub(super) fn rest(&self, ends: [(Side, PollFlags); 2]) {
        let [one, other] = ends.map(|(side, waits)| PollFd::new(self.end(side), waits));
        let mut waits = [one, other, PollFd::new(&self.worker.epoll, PollFlags::IN)];
        assert!(poll(&mut waits, Some(&PATIENCE)).expect("a wait") > 0, "all stands still");
    }

    /// Handles what comes next.
    pub(super) fn wait(&mut self) {
        poll(&mut [PollFd::new(&self.worker.epoll, PollFlags::IN)], Some(&PATIENCE)).expect("a wait");
        assert!(self.look(), "nothing happens any more");
    }

    /// Handles what has come already; false if that is nothing.
    pub(super) fn look(&mut self) -> bool {
        let unfinished = std::mem::take(&mut self.worker.unfinished);
        let mut events: Vec<epoll::Event> = Vec::with_capacity(16);
        let room = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&self.worker.epoll, room, Some(&Timespec::default())).expect("a wait");
        let any = !events.is_empty() || !unfinished.is_empty();
        for event in events {
            if let Token::Session { key, epoch, attempt, side } = Token::unpack(event.data.u64())
                && self.worker.table.epoch(key) == epoch
            {
                self.worker.on_socket_event(key, attempt, side, event.flags);
            }
        }
        for (key, side) in unfinished {
            self.worker.go_on(key, side);
        }
        any
    }

    /// Lets time pass step by step, and what is due happen; how often something was.
    pub(super) fn pass(&mut self, span: Duration) -> usize {
        let end = self.worker.at.now.after(span);
        let mut rings = 0;
        while self.worker.at.now < end {
            self.worker.at.now = self.worker.at.now.after(STEP).min(end);
            let mut due = Vec::new();
            self.worker.timer.expire(self.worker.at.now, &mut due);
            rings += due.len();
            due.into_iter().for_each(|key| self.worker.on_timer(key));
        }
        rings
    }
}

fn worker() -> Worker {
    let events = Arc::new(Events::new().expect("a descriptor"));
    let shared = Shared {
        clock: Clock::start(),
        log: SessionLog::start(Arc::clone(&events)).expect("a thread"),
        room: Room::default(),
        active: AtomicU64::new(0),
        admission: Admission::default(),
        pipes: Arc::new(Supply::new(2, PIPE, Arc::clone(&events))),
        peers: Peers::default(),
        events,
    };
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("a descriptor");
    let inbox = channel().1;
    Worker::new(0, Arc::new(shared), Arc::default(), inbox, Arc::new(wake), 1).expect("a worker")
}
