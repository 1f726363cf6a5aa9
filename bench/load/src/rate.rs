//! `pbload rate`: so many clients that exchange without a pause for a while, and how often and how fast that
//! went. A client whose connection is over opens the next at once.
//!
//! With `--nodes` it is the nodes as well, and never sleeps: whoever sends to a process that sleeps on another
//! core pays for waking it, on a virtual machine more than for the sending, and how often that is so varies by
//! luck. A balancer between such ends is measured as one between network cards is.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;
use crate::caller::{Caller, Moved, Turn, word};
use crate::events::Events;
use crate::exchange::{Payload, Shape};
use crate::histogram::Histogram;
use crate::origins::Origins;
use crate::serve::{LISTENERS, Nodes};
use crate::served::Next;

/// More errors than this end the run: it has failed anyway.
const ERRORS: u64 = 100;

/// Clients that connect at once: whom a queue has no room for would try again after a second, and what is
/// measured here is not that.
const CROWD: usize = 256;
const BETWEEN_CROWDS: Duration = Duration::from_millis(3);

struct Rate {
    shape: Shape,
    target: SocketAddr,
    origins: Origins,
    ports: u64,
    depth: u64,
    payload: Payload,
    nodes: Option<Nodes>,
    callers: Vec<Option<Caller>>,
    again: VecDeque<usize>,
    opened: u64,
    stopping: bool,
    whole: Counts,
    durations: Histogram,
    errors: BTreeMap<String, u64>,
}

/// Of the whole run.
#[derive(Clone, Copy, Default)]
struct Counts {
    exchanges: u64,
    bytes: u64,
}

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let mut rate = Rate::parse(&mut arguments)?;
    let warm_up = Duration::from_millis(arguments.get("warm-up-ms", 300)?);
    let duration = Duration::from_millis(arguments.get("duration-ms", 1000)?);
    let patience = Duration::from_millis(arguments.get("patience-ms", 5000)?);
    let nodes: u16 = arguments.get("nodes", 0)?;
    let bind: SocketAddr = arguments.get("bind", SocketAddr::from(([127, 0, 0, 1], 0)))?;
    arguments.finish()?;

    let mut events = Events::new()?;
    if nodes > 0 {
        rate.nodes = Some(Nodes::listening(rate.shape, bind, nodes, &events)?);
    }
    rate.begin(&mut events)?;
    rate.work(&mut events, Instant::now() + warm_up)?;
    let mut report = rate.measure(&mut events, duration)?;
    rate.end(&mut events, patience)?;
    report["total_exchanges"] = json!(rate.whole.exchanges);
    report["total_bytes"] = json!(rate.whole.bytes);
    report["errors"] = json!(rate.errors);
    println!("{report}");
    Ok(rate.errors.is_empty())
}

impl Rate {
    fn parse(arguments: &mut Arguments) -> Result<Rate, Box<dyn Error>> {
        let parallel: usize = arguments.get("parallel", 1)?;
        Ok(Rate {
            shape: Shape::parse(arguments)?,
            target: arguments.need("target")?,
            origins: Origins::parse(arguments)?,
            ports: arguments.get("ports", 1)?,
            depth: arguments.get("depth", 1)?,
            payload: Payload::new(),
            nodes: None,
            callers: (0..parallel).map(|_| None).collect(),
            again: VecDeque::new(),
            opened: 0,
            stopping: false,
            whole: Counts::default(),
            durations: Histogram::new(),
            errors: BTreeMap::new(),
        })
    }

    /// Everybody comes, a crowd at a time.
    fn begin(&mut self, events: &mut Events) -> Result<(), Errno> {
        for number in 0..self.callers.len() {
            self.open(number, events)?;
            if number % CROWD == CROWD - 1 {
                self.work(events, Instant::now() + BETWEEN_CROWDS)?;
            }
        }
        Ok(())
    }

    /// What so much time brings.
    fn measure(&mut self, events: &mut Events, duration: Duration) -> Result<Value, Errno> {
        let before = self.whole;
        self.durations = Histogram::new();
        let started = Instant::now();
        self.work(events, started + duration)?;
        let seconds = started.elapsed().as_secs_f64();
        let exchanges = self.whole.exchanges - before.exchanges;
        let bytes = self.whole.bytes - before.bytes;
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        Ok(json!({
            "seconds": seconds,
            "exchanges": exchanges,
            "bytes": bytes,
            "exchanges_per_second": exchanges as f64 / seconds,
            "bytes_per_second": bytes as f64 / seconds,
            "p50_us": micros(self.durations.quantile(0.5)),
            "p99_us": micros(self.durations.quantile(0.99)),
            "p999_us": micros(self.durations.quantile(0.999)),
            "max_us": micros(self.durations.greatest()),
        }))
    }

    /// Everybody ends what is under way, and leaves; who does not in time has failed.
    fn end(&mut self, events: &mut Events, patience: Duration) -> Result<(), Errno> {
        self.stopping = true;
        self.again.extend(0..self.callers.len());
        self.work(events, Instant::now() + patience)?;
        let left = self.callers.iter().flatten().count() as u64;
        let broken = self.nodes.as_ref().map_or(0, Nodes::broken);
        for (error, count) in [("timeout", left), ("cut off at a node, or wrong bytes", broken)] {
            if count > 0 {
                self.errors.insert(error.into(), count);
            }
        }
        Ok(())
    }

    /// Has everybody exchange until then, or, when stopping, until all have ended.
    fn work(&mut self, events: &mut Events, until: Instant) -> Result<(), Errno> {
        while !(self.stopping && self.callers.iter().all(Option::is_none)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.errors.values().sum::<u64>() > ERRORS {
                break;
            }
            let sleeps = self.nodes.is_none() && self.again.is_empty();
            for index in 0..events.gather(Some(if sleeps { left } else { Duration::ZERO }))? {
                let ready = events.ready(index);
                match &mut self.nodes {
                    Some(nodes) if ready.number >= LISTENERS => nodes.attend(ready, events)?,
                    _ => self.attend(ready.number as usize, ready.ended, events)?,
                }
            }
            if let Some(nodes) = &mut self.nodes {
                nodes.go_on(events)?;
            }
            for _ in 0..self.again.len() {
                if let Some(number) = self.again.pop_front() {
                    self.attend(number, false, events)?;
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, number: usize, events: &Events) -> Result<(), Errno> {
        let mut target = self.target;
        target.set_port(target.port() + (self.opened % self.ports) as u16);
        self.opened += 1;
        match Caller::open(self.origins.next(), target, self.shape, self.depth) {
            Ok(mut caller) => {
                let moved = caller.call(&self.payload);
                events.watch_reading(caller.socket(), number as u64)?;
                self.callers[number] = Some(caller);
                self.settle(number, moved, events)
            }
            Err(error) => {
                self.fail(error);
                self.again.push_back(number);
                Ok(())
            }
        }
    }

    fn attend(&mut self, number: usize, ended: bool, events: &Events) -> Result<(), Errno> {
        let Some(caller) = self.callers[number].as_mut() else {
            // One whose connect failed at once tries again.
            return if self.stopping { Ok(()) } else { self.open(number, events) };
        };
        let turn = Turn { ended, stopping: self.stopping, durations: &mut self.durations };
        let moved = caller.advance(&mut self.payload, turn);
        self.settle(number, moved, events)
    }

    fn settle(&mut self, number: usize, moved: Result<Moved, Errno>, events: &Events) -> Result<(), Errno> {
        let Some(caller) = self.callers[number].as_mut() else { return Ok(()) };
        match moved {
            Ok(moved) => {
                self.whole.exchanges += moved.exchanges;
                self.whole.bytes += moved.bytes;
                match moved.next {
                    Next::Wait if caller.wants_writing() => {
                        events.watch_writing(caller.socket(), number as u64)?
                    }
                    Next::Wait => {}
                    Next::Again => self.again.push_back(number),
                    Next::Over => {
                        self.callers[number] = None;
                        if !self.stopping {
                            return self.open(number, events);
                        }
                    }
                }
            }
            Err(error) => {
                self.fail(error);
                self.callers[number] = None;
                self.again.push_back(number);
            }
        }
        Ok(())
    }

    fn fail(&mut self, error: Errno) {
        *self.errors.entry(word(error)).or_default() += 1;
    }
}
