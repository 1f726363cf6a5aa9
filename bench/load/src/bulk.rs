//! `pbload bulk`: clients that send all they can and read nothing, until no more is taken from any
//! of them: then every buffer on the way is full, in both directions, and one line is printed. When
//! standard input ends they read, in pieces of `--read-size`, and every byte is checked.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Outcome;
use crate::arguments::Arguments;
use crate::control::Control;
use crate::echo::Echo;
use crate::events::{CONTROL, Events};
use crate::link::{Failure, Link};
use crate::pattern::Pattern;
use crate::sockets;
use crate::tally::Tally;

/// Nothing was taken for this long: everything is full.
const STANDSTILL: Duration = Duration::from_secs(1);
/// Pieces one reader may read before the others have their turn.
const PIECES: usize = 16;

struct Bulk {
    links: Vec<Option<Link>>,
    pattern: Pattern,
    buffer: Vec<u8>,
    sent: u64,
    received: u64,
    tally: Tally,
}

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let target = arguments.need("target")?;
    let connections: usize = arguments.need("connections")?;
    let bytes: u64 = arguments.need("bytes")?;
    let read_size = arguments.get("read-size", 65_536)?;
    let socket_buffer = arguments.get("socket-buffer", 0)?;
    let timeout = Duration::from_secs(arguments.get("timeout-s", 120)?);
    arguments.finish()?;

    let mut events = Events::new()?;
    let mut control = Control::new(&events)?;
    let mut bulk = Bulk {
        links: Vec::new(),
        pattern: Pattern::new(),
        buffer: vec![0; read_size],
        sent: 0,
        received: 0,
        tally: Tally::new(),
    };
    for number in 0..connections {
        let opened = Link::open(target, Echo::new(number as u64, bytes));
        let link = opened.map_err(|failure| bulk.tally.failed(failure, "")).ok();
        if let Some(link) = &link {
            sockets::limit_buffers(link.socket(), socket_buffer)?;
            events.watch(link.socket(), number as u64)?;
        }
        bulk.links.push(link);
    }
    bulk.fill_up(&mut events, &mut control)?;
    println!("{}", json!({"standstill": bulk.sent}));
    while control.is_open() {
        for number in events.wait(None)? {
            if number == CONTROL {
                control.lines(&events)?;
            }
        }
    }
    bulk.read_out(&mut events, Instant::now() + timeout)?;
    let mut report = bulk.tally.report();
    report["bytes_sent"] = json!(bulk.sent);
    report["bytes_received"] = json!(bulk.received);
    println!("{report}");
    Ok(bulk.tally.is_clean())
}

impl Bulk {
    /// Sends until nothing is taken any more.
    fn fill_up(&mut self, events: &mut Events, control: &mut Control) -> Result<(), Box<dyn Error>> {
        let mut last = Instant::now();
        while last.elapsed() < STANDSTILL {
            for number in events.wait(Some(STANDSTILL / 4))? {
                if number == CONTROL {
                    control.lines(events)?;
                } else if self.send(number as usize) > 0 {
                    last = Instant::now();
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, number: usize) -> usize {
        let Some(link) = self.links[number].as_mut() else { return 0 };
        match link.send(&self.pattern) {
            Ok(count) => {
                self.sent += count as u64;
                count
            }
            Err(failure) => {
                self.dismiss(number, Err(failure));
                0
            }
        }
    }

    /// Reads and sends in turns, until every client has all.
    fn read_out(&mut self, events: &mut Events, deadline: Instant) -> Result<(), Box<dyn Error>> {
        let mut ready: Vec<usize> = (0..self.links.len()).collect();
        while self.links.iter().any(Option::is_some) {
            let mut again = Vec::new();
            for number in ready.drain(..) {
                match self.advance(number) {
                    Ok(true) => again.push(number),
                    Ok(false) => {}
                    Err(failure) => self.dismiss(number, Err(failure)),
                }
            }
            let patience = if again.is_empty() { Duration::from_millis(250) } else { Duration::ZERO };
            ready = again;
            let woken = events.wait(Some(patience))?;
            ready.extend(woken.into_iter().filter(|&number| number != CONTROL).map(|number| number as usize));
            ready.sort_unstable();
            ready.dedup();
            if Instant::now() > deadline {
                (0..self.links.len()).for_each(|number| self.dismiss(number, Err(Failure::Timeout)));
            }
        }
        Ok(())
    }

    /// A turn of one client; true if there may be more to read at once.
    fn advance(&mut self, number: usize) -> Result<bool, Failure> {
        let Some(link) = self.links[number].as_mut() else { return Ok(false) };
        self.sent += link.send(&self.pattern)? as u64;
        let before = link.echo.received();
        let mut pieces = 0;
        while pieces < PIECES && link.receive(&self.pattern, &mut self.buffer)?.is_some() {
            pieces += 1;
        }
        self.received += link.echo.received() - before;
        if link.echo.all_answered() {
            link.end()?;
            link.receive_all(&self.pattern, &mut self.buffer)?;
        }
        if !link.has_ended() {
            return Ok(pieces == PIECES);
        }
        let outcome = if link.echo.all_answered() { Ok(()) } else { Err(Failure::EofEarly) };
        self.dismiss(number, outcome);
        Ok(false)
    }

    fn dismiss(&mut self, number: usize, outcome: Result<(), Failure>) {
        let Some(link) = self.links[number].take() else { return };
        match outcome {
            Ok(()) => self.tally.served(0, 0, link.echo.name()),
            Err(failure) => self.tally.failed(failure, link.echo.name()),
        }
    }
}
