//! `pbload node`: `--count` listeners in one process, each a node with a name of its own. Their
//! addresses are printed as one JSON line; when standard input ends, so does the process, printing
//! how many connections each accepted.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::answer::{Answer, Mode, Persona};
use crate::arguments::Arguments;
use crate::control::Control;
use crate::events::{CONTROL, Events};
use crate::pattern::Pattern;
use crate::served::{Next, Served};
use crate::sockets;

/// Numbers from here on are listeners, below connections.
const LISTENERS: u64 = 1 << 32;
/// Connections accepted before those there are have their turn.
const ACCEPTS: usize = 64;

struct Listener {
    socket: OwnedFd,
    persona: Rc<Persona>,
    accepted: u64,
    /// The connections that keep a black hole's backlog full.
    _fillers: Vec<OwnedFd>,
}

struct Nodes {
    listeners: Vec<Listener>,
    served: Vec<Option<Served>>,
    free: Vec<usize>,
    /// Connections that had their turn and could go on.
    again: VecDeque<usize>,
    /// The first so many connections of each node are served by an echo, whatever the mode.
    spare: u64,
    buffer: Vec<u8>,
    portion: usize,
}

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let word = arguments.need::<String>("mode")?;
    let mode: Mode = word.parse().map_err(|error| format!("--mode {word:?}: {error}"))?;
    let bind = arguments.get("bind", SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let count: usize = arguments.get("count", 1)?;
    let name = arguments.get("name", word)?;
    let bytes = arguments.get("bytes", 1024)?;
    let close_after = arguments.get("close-after", 0)?;
    let socket_buffer = arguments.get("socket-buffer", 0)?;
    let spare = arguments.get("spare", 0)?;
    arguments.finish()?;

    let pattern = Rc::new(Pattern::new());
    let mut listeners = Vec::new();
    for number in 0..count {
        let name = if count == 1 { name.clone() } else { format!("{name}{number}") };
        let persona = Rc::new(Persona { name, mode, bytes, close_after, pattern: pattern.clone() });
        let listener = Listener::new(bind, persona)?;
        sockets::limit_buffers(&listener.socket, socket_buffer)?;
        listeners.push(listener);
    }
    let mut addresses = Map::new();
    for listener in &listeners {
        addresses.insert(listener.persona.name.clone(), json!(sockets::local_address(&listener.socket)?));
    }
    println!("{}", Value::Object(addresses));
    let mut nodes = Nodes {
        listeners,
        served: Vec::new(),
        free: Vec::new(),
        again: VecDeque::new(),
        spare,
        buffer: vec![0; 64 * 1024],
        portion: if mode == Mode::Slow { 64 } else { usize::MAX },
    };
    nodes.run()?;
    let accepted: Map<_, _> =
        nodes.listeners.iter().map(|node| (node.persona.name.clone(), json!(node.accepted))).collect();
    println!("{}", json!({"accepted": accepted}));
    Ok(true)
}

impl Listener {
    fn new(bind: SocketAddr, persona: Rc<Persona>) -> Result<Listener, Errno> {
        let socket = match persona.mode {
            Mode::Refuse => sockets::bound(bind)?,
            Mode::Blackhole => sockets::listening(bind, 0)?,
            _ => sockets::listening(bind, 4096)?,
        };
        let mut fillers = Vec::new();
        if persona.mode == Mode::Blackhole {
            let address = sockets::local_address(&socket)?;
            // A backlog of 0 holds one connection; over loopback it stands as soon as connect
            // returns. The others make sure of it.
            for _ in 0..4 {
                fillers.push(sockets::connecting(address)?);
            }
        }
        Ok(Listener { socket, persona, accepted: 0, _fillers: fillers })
    }
}

impl Nodes {
    fn run(&mut self) -> Result<(), Errno> {
        let mut events = Events::new()?;
        let mut control = Control::new(&events)?;
        let forever = !control.is_open();
        for (number, listener) in self.listeners.iter().enumerate() {
            if !matches!(listener.persona.mode, Mode::Refuse | Mode::Blackhole) {
                events.watch_level(&listener.socket, LISTENERS + number as u64)?;
            }
        }
        while control.is_open() || forever {
            let patience = if self.again.is_empty() { None } else { Some(Duration::ZERO) };
            for number in events.wait(patience)? {
                match number {
                    CONTROL => drop(control.lines(&events)?),
                    LISTENERS.. => self.accept((number - LISTENERS) as usize, &events)?,
                    _ => self.attend(number as usize),
                }
            }
            for _ in 0..self.again.len() {
                if let Some(number) = self.again.pop_front() {
                    self.attend(number);
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, number: usize, events: &Events) -> Result<(), Errno> {
        for _ in 0..ACCEPTS {
            let listener = &mut self.listeners[number];
            let Some(socket) = sockets::accepted(&listener.socket)? else { break };
            listener.accepted += 1;
            let spared = listener.accepted <= self.spare;
            match listener.persona.mode {
                Mode::Close if !spared => drop(socket),
                Mode::Reset if !spared => sockets::reset(socket),
                _ => self.serve(socket, number, events)?,
            }
        }
        Ok(())
    }

    fn serve(&mut self, socket: OwnedFd, listener: usize, events: &Events) -> Result<(), Errno> {
        let number = self.free.pop().unwrap_or_else(|| {
            self.served.push(None);
            self.served.len() - 1
        });
        let served = Served::new(socket, Answer::new(self.listeners[listener].persona.clone()));
        events.watch(served.socket(), number as u64)?;
        self.served[number] = Some(served);
        self.attend(number);
        Ok(())
    }

    fn attend(&mut self, number: usize) {
        // An event may be about a connection that ended in the same batch.
        let Some(served) = self.served[number].as_mut() else { return };
        match served.advance(&mut self.buffer, self.portion) {
            Next::Wait => {}
            Next::Again => self.again.push_back(number),
            Next::Over => {
                self.served[number] = None;
                self.free.push(number);
            }
        }
    }
}
