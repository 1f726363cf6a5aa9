//! `pbload hold`: many sessions at once. Some (`--idle`, by default half) say nothing after their
//! first exchange; the others exchange on and on. One line is printed when all are open; when
//! standard input ends every session, idle ones first of all, must still answer once more.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Outcome;
use crate::arguments::Arguments;
use crate::control::Control;
use crate::echo::Echo;
use crate::events::{CONTROL, Events};
use crate::link::{Failure, Link};
use crate::pattern::Pattern;
use crate::tally::Tally;

/// Connections that may be under way to the target at once: its backlog is not what is tested here.
const OPENING: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Holding,
    LastExchange,
    Ending,
}

struct Session {
    link: Link,
    phase: Phase,
    rounds: u64,
}

struct Hold {
    target: SocketAddr,
    sessions: Vec<Option<Session>>,
    idle: usize,
    bytes: u64,
    /// Exchanges after which a talking session falls silent too; 0 for never.
    rounds: u64,
    opened: usize,
    answered: usize,
    open: usize,
    exchanges: u64,
    finishing: bool,
    pattern: Pattern,
    buffer: Vec<u8>,
    tally: Tally,
}

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let connections: usize = arguments.need("connections")?;
    let mut hold = Hold {
        target: arguments.need("target")?,
        sessions: (0..connections).map(|_| None).collect(),
        idle: arguments.get("idle", connections / 2)?,
        bytes: arguments.get("bytes", 64)?,
        rounds: arguments.get("rounds", 0)?,
        opened: 0,
        answered: 0,
        open: 0,
        exchanges: 0,
        finishing: false,
        pattern: Pattern::new(),
        buffer: vec![0; 64 * 1024],
        tally: Tally::new(),
    };
    let timeout = Duration::from_secs(arguments.get("timeout-s", 60)?);
    arguments.finish()?;
    hold.run(timeout)?;
    let mut report = hold.tally.report();
    report["exchanges"] = json!(hold.exchanges);
    println!("{report}");
    Ok(hold.tally.is_clean())
}

impl Hold {
    fn run(&mut self, timeout: Duration) -> Result<(), Box<dyn Error>> {
        let mut events = Events::new()?;
        let mut control = Control::new(&events)?;
        let mut announced = false;
        let mut deadline = Instant::now() + timeout;
        while !self.finishing || self.open > 0 {
            self.open_more(&events)?;
            for number in events.wait(Some(Duration::from_millis(250)))? {
                if number != CONTROL {
                    self.attend(number as usize);
                } else {
                    control.lines(&events)?;
                }
            }
            if !announced && self.answered == self.sessions.len() {
                announced = true;
                println!("{}", json!({"open": self.open, "errors": !self.tally.is_clean()}));
            }
            if announced && !control.is_open() && !self.finishing {
                deadline = Instant::now() + timeout;
                self.finish();
            }
            if (!announced || self.finishing) && Instant::now() > deadline {
                self.give_up();
            }
        }
        Ok(())
    }

    fn open_more(&mut self, events: &Events) -> Result<(), Box<dyn Error>> {
        while self.opened < self.sessions.len() && self.opened - self.answered < OPENING {
            let number = self.opened;
            self.opened += 1;
            match Link::open(self.target, Echo::new(number as u64, self.bytes)) {
                Ok(link) => {
                    events.watch(link.socket(), number as u64)?;
                    self.sessions[number] = Some(Session { link, phase: Phase::Opening, rounds: 0 });
                    self.open += 1;
                    self.attend(number);
                }
                Err(failure) => {
                    self.answered += 1;
                    self.tally.failed(failure, "");
                }
            }
        }
        Ok(())
    }

    /// Asks every session for one more exchange, and ends it after.
    fn finish(&mut self) {
        self.finishing = true;
        for number in 0..self.sessions.len() {
            if let Some(session) = self.sessions[number].as_mut() {
                if session.link.echo.all_answered() {
                    session.link.echo.goal += self.bytes;
                }
                session.phase = Phase::LastExchange;
                self.attend(number);
            }
        }
    }

    fn give_up(&mut self) {
        for number in 0..self.sessions.len() {
            self.dismiss(number, Err(Failure::Timeout));
        }
        self.opened = self.sessions.len();
        self.answered = self.opened;
        self.finishing = true;
    }

    fn attend(&mut self, number: usize) {
        match self.advance(number) {
            Ok(false) => {}
            Ok(true) => self.dismiss(number, Ok(())),
            Err(failure) => self.dismiss(number, Err(failure)),
        }
    }

    /// Says and hears what is possible; true when the session came to its good end.
    fn advance(&mut self, number: usize) -> Result<bool, Failure> {
        let Some(session) = self.sessions[number].as_mut() else { return Ok(false) };
        session.link.send(&self.pattern)?;
        session.link.receive_all(&self.pattern, &mut self.buffer)?;
        let talks = number >= self.idle;
        if session.link.echo.all_answered() && session.phase != Phase::Ending {
            self.exchanges += 1;
            session.rounds += 1;
            match session.phase {
                Phase::Opening => {
                    self.answered += 1;
                    session.phase = Phase::Holding;
                }
                Phase::LastExchange => {
                    session.phase = Phase::Ending;
                    session.link.end()?;
                    session.link.receive_all(&self.pattern, &mut self.buffer)?;
                }
                Phase::Holding | Phase::Ending => {}
            }
            if session.phase == Phase::Holding && talks && (self.rounds == 0 || session.rounds <= self.rounds)
            {
                session.link.echo.goal += self.bytes;
                session.link.send(&self.pattern)?;
            }
        }
        match (session.link.has_ended(), session.phase) {
            (true, Phase::Ending) => Ok(true),
            (true, _) => Err(Failure::EofEarly),
            (false, _) => Ok(false),
        }
    }

    fn dismiss(&mut self, number: usize, outcome: Result<(), Failure>) {
        let Some(session) = self.sessions[number].take() else { return };
        self.open -= 1;
        if session.phase == Phase::Opening {
            self.answered += 1;
        }
        match outcome {
            Ok(()) => self.tally.served(0, 0, session.link.echo.name()),
            Err(failure) => self.tally.failed(failure, session.link.echo.name()),
        }
    }
}
