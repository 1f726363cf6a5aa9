//! `pbload serve`: nodes as lean as they can be, for measurements: so many bytes in, so many out, and after
//! `--each` such exchanges the node closes. Each line on standard input is answered by what there is so far.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use serde_json::json;

use crate::Outcome;
use crate::arguments::Arguments;
use crate::control::Control;
use crate::events::{CONTROL, Events, Ready};
use crate::exchange::{Got, Payload, Shape, TURNS};
use crate::served::Next;
use crate::sockets;

/// Listeners are numbered from here on: below, there is room for clients of the same process.
pub(crate) const LISTENERS: u64 = 1 << 32;
/// Their connections from here on.
const CONNECTIONS: u64 = 1 << 33;
/// Connections taken from one listener before the others have their turn.
const ACCEPTS: usize = 64;

struct Served {
    socket: OwnedFd,
    got: u64,
    sent: u64,
    writing: bool,
}

/// All nodes of this process.
pub(crate) struct Nodes {
    shape: Shape,
    payload: Payload,
    listeners: Vec<OwnedFd>,
    accepted: Vec<u64>,
    served: Vec<Option<Served>>,
    free: Vec<usize>,
    again: VecDeque<usize>,
    broken: u64,
}

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let shape = Shape::parse(&mut arguments)?;
    let bind: SocketAddr = arguments.get("bind", SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let count: u16 = arguments.get("count", 1)?;
    arguments.finish()?;
    let mut events = Events::new()?;
    let mut control = Control::new(&events)?;
    let mut nodes = Nodes::listening(shape, bind, count, &events)?;
    println!("{}", json!({"nodes": nodes.addresses()?}));
    while control.is_open() {
        let patience = if nodes.can_go_on() { Some(Duration::ZERO) } else { None };
        for index in 0..events.gather(patience)? {
            let ready = events.ready(index);
            if ready.number == CONTROL {
                for _ in control.lines(&events)? {
                    println!("{}", nodes.report());
                }
            } else {
                nodes.attend(ready, &events)?;
            }
        }
        nodes.go_on(&events)?;
    }
    Ok(true)
}

impl Nodes {
    /// Nodes on so many ports from `bind` on. They watch with numbers from [`LISTENERS`] on.
    pub(crate) fn listening(
        shape: Shape,
        mut bind: SocketAddr,
        count: u16,
        events: &Events,
    ) -> Result<Nodes, Errno> {
        let mut listeners = Vec::new();
        for number in 0..count {
            let listener = sockets::listening(bind, 65_535)?;
            sockets::speak_at_once(&listener)?;
            events.watch_level(&listener, LISTENERS + u64::from(number))?;
            listeners.push(listener);
            bind.set_port(if bind.port() == 0 { 0 } else { bind.port() + 1 });
        }
        Ok(Nodes {
            shape,
            payload: Payload::new(),
            accepted: vec![0; listeners.len()],
            listeners,
            served: Vec::new(),
            free: Vec::new(),
            again: VecDeque::new(),
            broken: 0,
        })
    }

    fn addresses(&self) -> Result<Vec<String>, Errno> {
        self.listeners.iter().map(|each| Ok(sockets::local_address(each)?.to_string())).collect()
    }

    /// What has happened to a number from [`LISTENERS`] on.
    pub(crate) fn attend(&mut self, ready: Ready, events: &Events) -> Result<(), Errno> {
        match ready.number {
            CONNECTIONS.. => self.hear((ready.number - CONNECTIONS) as usize, ready.ended, events),
            number => self.accept((number - LISTENERS) as usize, events),
        }
    }

    /// Whether a connection waits for its next turn, and for no event.
    pub(crate) fn can_go_on(&self) -> bool {
        !self.again.is_empty()
    }

    /// Gives those that wait for it a turn each.
    pub(crate) fn go_on(&mut self, events: &Events) -> Result<(), Errno> {
        for _ in 0..self.again.len() {
            if let Some(number) = self.again.pop_front() {
                self.hear(number, false, events)?;
            }
        }
        Ok(())
    }

    /// Connections that ended, or brought wrong bytes, in the midst of an exchange.
    pub(crate) fn broken(&self) -> u64 {
        self.broken
    }

    fn report(&self) -> serde_json::Value {
        json!({
            "accepted": self.accepted,
            "open": self.served.len() - self.free.len(),
            "broken": self.broken,
        })
    }

    fn accept(&mut self, listener: usize, events: &Events) -> Result<(), Errno> {
        for _ in 0..ACCEPTS {
            let Some(socket) = sockets::accepted(&self.listeners[listener])? else { break };
            self.accepted[listener] += 1;
            let number = self.free.pop().unwrap_or_else(|| {
                self.served.push(None);
                self.served.len() - 1
            });
            let mut served = Served { socket, got: 0, sent: 0, writing: false };
            // Mostly the request is there already, and often its answer is all.
            let next = self.advance(&mut served, false);
            if !matches!(next, Ok(Next::Over) | Err(_)) {
                events.watch_reading(&served.socket, CONNECTIONS + number as u64)?;
            }
            self.settle(number, served, next, events)?;
        }
        Ok(())
    }

    fn hear(&mut self, number: usize, ended: bool, events: &Events) -> Result<(), Errno> {
        // It may have come to its end by a turn of its own since the event.
        let Some(mut served) = self.served[number].take() else { return Ok(()) };
        let next = self.advance(&mut served, ended);
        self.settle(number, served, next, events)
    }

    fn settle(
        &mut self,
        number: usize,
        mut served: Served,
        next: Result<Next, Errno>,
        events: &Events,
    ) -> Result<(), Errno> {
        if let Ok(Next::Wait | Next::Again) = next {
            if next == Ok(Next::Again) {
                self.again.push_back(number);
            } else if !served.writing && served.sent < self.owed(&served) {
                served.writing = true;
                events.watch_writing(&served.socket, CONNECTIONS + number as u64)?;
            }
            self.served[number] = Some(served);
        } else {
            self.broken += u64::from(next.is_err());
            self.free.push(number);
        }
        Ok(())
    }

    fn owed(&self, served: &Served) -> u64 {
        served.got / self.shape.request * self.shape.answer
    }

    /// Receives and answers what it can. `ended`: nothing comes after what is there.
    fn advance(&mut self, served: &mut Served, ended: bool) -> Result<Next, Errno> {
        let Shape { request, answer, each } = self.shape;
        let mut drained = false;
        for _ in 0..TURNS {
            let owed = self.owed(served);
            let (sent, whole) = self.payload.send(&served.socket, served.sent, owed, answer)?;
            served.sent = sent;
            if each != 0 && sent == each * answer {
                return Ok(Next::Over);
            }
            if drained || !whole {
                return Ok(Next::Wait);
            }
            match self.payload.receive(&served.socket, &mut served.got, request)? {
                Got::Drained => drained = !ended,
                Got::More => {}
                Got::End if served.got.is_multiple_of(request) && sent == self.owed(served) => {
                    return Ok(Next::Over);
                }
                Got::End => return Err(Errno::PIPE),
            }
        }
        Ok(Next::Again)
    }
}
