//! `pbload idle`: connections that are opened and stay.
//!
//! A line is printed when all stand; with `--storm 1` they are opened all at once, each asks as soon as it stands,
//! and the line comes when all are answered. For each line on standard input every connection exchanges once,
//! `--at-a-time` of them at once, and a line is printed. When standard input ends, all are closed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;
use crate::caller::{Caller, Turn, word};
use crate::control::Control;
use crate::events::{CONTROL, Events};
use crate::exchange::{Payload, Shape};
use crate::histogram::Histogram;
use crate::origins::Origins;
use crate::served::Next;

struct Idle {
    target: SocketAddr,
    origins: Origins,
    shape: Shape,
    payload: Payload,
    callers: Vec<Option<Caller>>,
    /// By caller: whether something is under way.
    busy: Vec<bool>,
    under_way: usize,
    durations: Histogram,
    errors: BTreeMap<String, u64>,
}

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let mut idle = Idle {
        target: arguments.need("target")?,
        origins: Origins::parse(&mut arguments)?,
        shape: Shape::parse(&mut arguments)?,
        payload: Payload::new(),
        callers: Vec::new(),
        busy: Vec::new(),
        under_way: 0,
        durations: Histogram::new(),
        errors: BTreeMap::new(),
    };
    let connections: usize = arguments.need("connections")?;
    let storm = arguments.get("storm", 0)? == 1;
    let at_a_time = arguments.get("at-a-time", 64)?;
    let patience = Duration::from_secs(arguments.get("patience-s", 30)?);
    arguments.finish()?;

    let mut events = Events::new()?;
    let begun = Instant::now();
    for number in 0..connections {
        idle.open(number, storm, &events)?;
        if !storm {
            idle.wait(at_a_time - 1, &mut events, begun + patience)?;
        }
    }
    idle.wait(0, &mut events, begun + patience)?;
    println!("{}", idle.report(begun));

    let mut control = Control::new(&events)?;
    while control.is_open() {
        let mut told = 0;
        for number in events.wait(None)? {
            match number {
                CONTROL => told += control.lines(&events)?.len(),
                number => idle.attend(number as usize),
            }
        }
        for _ in 0..told {
            idle.exchange(at_a_time, &mut events, patience)?;
        }
    }
    Ok(idle.errors.is_empty())
}

impl Idle {
    fn open(&mut self, number: usize, storm: bool, events: &Events) -> Result<(), Errno> {
        self.busy.push(true);
        self.under_way += 1;
        let opened = Caller::open(self.origins.next(), self.target, self.shape, 1);
        let asked = opened.and_then(|mut caller| {
            if storm {
                caller.call(&self.payload)?;
            }
            Ok(caller)
        });
        match asked {
            Ok(caller) => {
                events.watch(caller.socket(), number as u64)?;
                self.callers.push(Some(caller));
            }
            Err(error) => {
                self.callers.push(None);
                self.settle(number, Err(error));
            }
        }
        Ok(())
    }

    /// Everybody once.
    fn exchange(&mut self, at_a_time: usize, events: &mut Events, patience: Duration) -> Result<(), Errno> {
        let begun = Instant::now();
        self.durations = Histogram::new();
        for number in 0..self.callers.len() {
            let Some(caller) = self.callers[number].as_mut() else { continue };
            self.busy[number] = true;
            self.under_way += 1;
            if let Err(error) = caller.call(&self.payload) {
                self.settle(number, Err(error));
            }
            self.wait(at_a_time - 1, events, begun + patience)?;
        }
        self.wait(0, events, begun + patience)?;
        println!("{}", self.report(begun));
        Ok(())
    }

    /// Waits until at most so many are under way; those that are not over in time have failed.
    fn wait(&mut self, most: usize, events: &mut Events, until: Instant) -> Result<(), Errno> {
        while self.under_way > most {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                for number in 0..self.busy.len() {
                    self.settle(number, Err(Errno::TIMEDOUT));
                }
                return Ok(());
            }
            for index in 0..events.gather(Some(left))? {
                self.attend(events.ready(index).number as usize);
            }
        }
        Ok(())
    }

    fn attend(&mut self, number: usize) {
        let Some(caller) = self.callers.get_mut(number).and_then(Option::as_mut) else { return };
        // Not whether it has ended is asked, but how: a connection that rests must not.
        let moved = loop {
            let turn = Turn { ended: false, stopping: true, durations: &mut self.durations };
            match caller.advance(&mut self.payload, turn) {
                Ok(moved) if moved.next == Next::Again => {}
                other => break other,
            }
        };
        match moved {
            Ok(moved) if moved.next == Next::Over => self.settle(number, Ok(())),
            Ok(_) => {}
            Err(error) => self.settle(number, Err(error)),
        }
    }

    /// What was under way is over, well or not.
    fn settle(&mut self, number: usize, how: Result<(), Errno>) {
        if let Err(error) = how
            && (self.busy[number] || error != Errno::TIMEDOUT)
        {
            *self.errors.entry(word(error)).or_default() += 1;
            self.callers[number] = None;
        }
        if self.busy[number] {
            self.busy[number] = false;
            self.under_way -= 1;
        }
    }

    fn report(&self, begun: Instant) -> Value {
        let micros = |part: f64| self.durations.quantile(part) as f64 / 1000.0;
        json!({
            "open": self.callers.iter().flatten().count(),
            "seconds": begun.elapsed().as_secs_f64(),
            "p50_us": micros(0.5),
            "p99_us": micros(0.99),
            "max_us": self.durations.greatest() as f64 / 1000.0,
            "errors": self.errors,
        })
    }
}
