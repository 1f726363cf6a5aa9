//! The session log: one record per ended session (law 13), written by a thread of its own. Workers
//! hand records over without waiting; what finds no room is dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::{EngineError, ErrorKind};
use crate::events::Events;
use crate::record::Record;
use crate::report::Event;
use crate::spec::SessionLogSpec;
use crate::unpoisoned;

/// Records that may wait for the writer. Counted, since a bounded channel has the room for all of them from
/// its beginning, which is more than all the rest of an idle engine.
const CAPACITY: usize = 8192;
/// How often the writer looks. It is never woken, for a wake-up would cost each session a system call.
const ROUND: Duration = Duration::from_millis(20);
/// How often it looks while no sessions end: soon enough for the first of a flood.
const IDLE_ROUND: Duration = Duration::from_millis(100);

enum Order {
    Write(SessionLogSpec, Option<File>),
    Reopen,
    Stop,
}

/// The workers' and the control plane's end of the log.
#[derive(Debug)]
pub(crate) struct SessionLog {
    records: Sender<Record>,
    orders: Mutex<Sender<Order>>,
    counts: Arc<Counts>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Counts {
    on: std::sync::atomic::AtomicBool,
    waiting: AtomicUsize,
    written: AtomicU64,
    dropped: AtomicU64,
}

impl SessionLog {
    pub(crate) fn start(events: Arc<Events>) -> std::io::Result<SessionLog> {
        let (records, inbox) = channel();
        let (orders, commands) = channel();
        let counts = Arc::new(Counts::default());
        let mut writer = Writer {
            inbox,
            commands,
            counts: Arc::clone(&counts),
            events,
            sink: Sink::off(),
            failing: false,
        };
        let thread = std::thread::Builder::new().name("pb-session-log".into()).spawn(move || writer.run())?;
        Ok(SessionLog { records, orders: Mutex::new(orders), counts, writer: Mutex::new(Some(thread)) })
    }

    /// Whether records are wanted at all.
    pub(crate) fn on(&self) -> bool {
        self.counts.on.load(Relaxed)
    }

    pub(crate) fn write(&self, record: Record) {
        if self.counts.waiting.fetch_add(1, Relaxed) >= CAPACITY || self.records.send(record).is_err() {
            self.counts.waiting.fetch_sub(1, Relaxed);
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Opens the target without switching to it, so that a plan can still be refused.
    pub(crate) fn open(spec: &SessionLogSpec) -> Result<Option<File>, EngineError> {
        match spec.target.as_str() {
            "off" | "stderr" => Ok(None),
            path => open(path).map(Some).map_err(|error| {
                EngineError::new(ErrorKind::Log, "log.sessions", format!("cannot write {path}: {error}"))
            }),
        }
    }

    /// Switches to a target opened before.
    pub(crate) fn switch(&self, spec: &SessionLogSpec, file: Option<File>) {
        self.counts.on.store(spec.target != "off", Relaxed);
        let _ = unpoisoned(&self.orders).send(Order::Write(spec.clone(), file));
    }

    /// Opens the file anew, after a rotation.
    pub(crate) fn reopen(&self) {
        let _ = unpoisoned(&self.orders).send(Order::Reopen);
    }

    /// Writes what waits, then ends the writer.
    pub(crate) fn stop(&self) {
        let _ = unpoisoned(&self.orders).send(Order::Stop);
        if let Some(writer) = unpoisoned(&self.writer).take() {
            let _ = writer.join();
        }
    }

    pub(crate) fn written(&self) -> u64 {
        self.counts.written.load(Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Relaxed)
    }
}

fn open(path: &str) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Where lines go, and those that wait to go together. A write holds whole lines, so that whoever
/// reads the file meanwhile never sees half of one.
struct Sink {
    to: Option<Box<dyn Write + Send>>,
    path: Option<PathBuf>,
    json: bool,
    lines: String,
    records: u64,
}

/// Lines are written together once they are so many bytes.
const ENOUGH: usize = 64 * 1024;

impl Sink {
    fn new(to: Option<Box<dyn Write + Send>>, path: Option<PathBuf>, json: bool) -> Sink {
        Sink { to, path, json, lines: String::new(), records: 0 }
    }

    fn off() -> Sink {
        Sink::new(None, None, false)
    }

    fn to(spec: &SessionLogSpec, file: Option<File>) -> Sink {
        let json = spec.format == "json";
        match (spec.target.as_str(), file) {
            ("stderr", _) => Sink::new(Some(Box::new(stderr())), None, json),
            (path, Some(file)) => Sink::new(Some(Box::new(file)), Some(path.into()), json),
            _ => Sink::off(),
        }
    }
}

struct Writer {
    inbox: Receiver<Record>,
    commands: Receiver<Order>,
    counts: Arc<Counts>,
    events: Arc<Events>,
    sink: Sink,
    failing: bool,
}

impl Writer {
    fn run(&mut self) {
        let mut round = IDLE_ROUND;
        loop {
            let order = self.commands.recv_timeout(round);
            round = if self.write_waiting() { ROUND } else { IDLE_ROUND };
            match order {
                Ok(Order::Write(spec, file)) => self.sink = Sink::to(&spec, file),
                Ok(Order::Reopen) => self.reopen(),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Writes what waits; false if nothing did. Where there is no target, it waits for one: a session
    /// may end before the order that brings the target is seen.
    fn write_waiting(&mut self) -> bool {
        let mut some = false;
        if self.sink.to.is_none() {
            return some;
        }
        while let Ok(record) = self.inbox.try_recv() {
            some = true;
            self.counts.waiting.fetch_sub(1, Relaxed);
            record.write(&mut self.sink.lines, self.sink.json);
            self.sink.records += 1;
            if self.sink.lines.len() >= ENOUGH {
                self.flush();
            }
        }
        self.flush();
        some
    }

    fn flush(&mut self) {
        let Some(to) = self.sink.to.as_mut().filter(|_| self.sink.records > 0) else { return };
        let outcome = to.write_all(self.sink.lines.as_bytes());
        let records = std::mem::take(&mut self.sink.records);
        self.sink.lines.clear();
        match outcome {
            Ok(()) => {
                self.counts.written.fetch_add(records, Relaxed);
                if std::mem::replace(&mut self.failing, false) {
                    self.events.tell(Event::LimitCleared { limit: "session-log".into() });
                }
            }
            Err(error) => {
                self.counts.dropped.fetch_add(records, Relaxed);
                self.failed(&error);
            }
        }
    }

    fn reopen(&mut self) {
        let Some(path) = &self.sink.path else { return };
        match open(&path.to_string_lossy()) {
            Ok(file) => self.sink.to = Some(Box::new(file)),
            Err(error) => self.failed(&error),
        }
    }

    /// A full disk is said once, and traffic goes on.
    fn failed(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            let message =
                format!("the session log cannot be written: {error}; records are dropped until it can");
            self.events.tell(Event::LimitReached { limit: "session-log".into(), message });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protobalance_core::moment::Moment;
    use protobalance_core::session::CloseReason;

    use super::*;
    use crate::registry::Registry;

    fn record() -> Record {
        let plan = br#"{"session_log": {"target": "off", "format": "text"},
            "clusters": [{"name": "c", "policy": "random", "hash_key": "", "load_expression": "",
                "rating_ttl_ms": 0, "rate_window_ms": 0, "connect_timeout_ms": 0, "failover_timeout_ms": 0,
                "retry_interval_ms": 0, "early_close_window_ms": 0, "first_contact_pause_ms": 0,
                "source_addresses": [], "transparent": false, "replay_unanswered": false,
                "affinity": null, "nodes": []}],
            "listeners": [{"name": "in", "bind": [], "cluster": "c", "idle_timeout_ms": 0,
                "first_byte_timeout_ms": 0, "half_close_timeout_ms": 0, "max_sessions": 0, "backlog": 1,
                "max_sessions_per_client": 0, "new_sessions_per_second_per_client": 0,
                "new_session_burst_per_client": 0, "new_sessions_per_second": 0,
                "keepalive_ms": 0, "user_timeout_ms": 0}]}"#;
        let spec = serde_json::from_slice(plan).expect("a plan");
        let plan = Registry::new(1, crate::handed_over::Unclaimed::default())
            .adopt(spec, Moment(1))
            .expect("carried out");
        Record {
            ended_unix_ms: 0,
            client: ([127, 0, 0, 1], 1).into(),
            learned: None,
            route: None,
            listener: Arc::clone(&plan.listeners[0]),
            failed: vec![],
            standing: None,
            bytes_to_node: 0,
            bytes_to_client: 0,
            duration: Duration::ZERO,
            reason: CloseReason::NoNode,
            detail: "",
        }
    }

    #[test]
    fn a_record_that_overtakes_its_target_is_written_to_it() {
        let path = std::env::temp_dir().join(format!("pb-session-log-{}", std::process::id()));
        let file = File::create(&path).expect("a temporary file");
        let (records, inbox) = channel();
        let (orders, commands) = channel();
        let counts = Arc::new(Counts::default());
        let events = Arc::new(Events::new().expect("an eventfd"));
        let mut writer = Writer {
            inbox,
            commands,
            counts: Arc::clone(&counts),
            events,
            sink: Sink::off(),
            failing: false,
        };
        counts.waiting.fetch_add(1, Relaxed);
        records.send(record()).expect("heard");
        let spec = SessionLogSpec { target: path.display().to_string(), format: "text".into() };
        orders.send(Order::Write(spec, Some(file))).expect("heard");
        orders.send(Order::Stop).expect("heard");
        writer.run();
        let lines = std::fs::read_to_string(&path).expect("readable");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!((lines.lines().count(), counts.written.load(Relaxed)), (1, 1), "{lines}");
        assert_eq!(counts.waiting.load(Relaxed), 0, "there is room for another");
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let (records, inbox) = channel();
        let (orders, _commands) = channel();
        let log = SessionLog {
            records,
            orders: Mutex::new(orders),
            counts: Arc::default(),
            writer: Mutex::new(None),
        };
        for _ in 0..CAPACITY + 3 {
            log.write(record());
        }
        assert_eq!((inbox.try_iter().count(), log.dropped()), (CAPACITY, 3));
        assert_eq!(log.counts.waiting.load(Relaxed), CAPACITY, "what was dropped does not wait");
    }
}
