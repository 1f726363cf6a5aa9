//! From the workers to the control plane: things worth knowing that no client waits for. Bounded;
//! what finds no room is dropped and counted, since the data path never waits for the control plane.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{read, write};

use crate::report::Event;

const CAPACITY: usize = 1024;

/// The workers' end and the control plane's end in one.
#[derive(Debug)]
pub(crate) struct Events {
    sender: SyncSender<Event>,
    receiver: Mutex<Receiver<Event>>,
    signal: OwnedFd,
    dropped: AtomicU64,
}

impl Events {
    pub(crate) fn new() -> rustix::io::Result<Events> {
        let (sender, receiver) = sync_channel(CAPACITY);
        let signal = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Events { sender, receiver: Mutex::new(receiver), signal, dropped: AtomicU64::new(0) })
    }

    /// Readable while there are events.
    pub(crate) fn signal(&self) -> &OwnedFd {
        &self.signal
    }

    pub(crate) fn tell(&self, event: Event) {
        match self.sender.try_send(event) {
            Ok(()) => signal(&self.signal),
            Err(_) => {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Everything since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        clear(&self.signal);
        let mut events: Vec<Event> = crate::unpoisoned(&self.receiver).try_iter().collect();
        let dropped = self.dropped.swap(0, Relaxed);
        if dropped > 0 {
            events.push(Event::Warning {
                message: format!("{dropped} events were dropped: nobody took them in time"),
            });
        }
        events
    }
}

/// Makes an eventfd readable. It fails only when it already is, to the brim.
pub(crate) fn signal(fd: impl AsFd) {
    let _ = write(fd, &1u64.to_ne_bytes());
}

/// Makes an eventfd unreadable. It fails only when it already is.
pub(crate) fn clear(fd: impl AsFd) {
    let _ = read(fd, &mut [0; 8]);
}
