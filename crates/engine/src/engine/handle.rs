//! A worker as the engine holds it: a thread that is told things, counts, and one day ends.

use std::any::Any;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};

use crate::events::signal;
use crate::peers::Peer;
use crate::report::Event;
use crate::sys::ignore_broken_pipes;
use crate::unpoisoned;
use crate::worker::{Command, Shared, Worker, WorkerCounts};

#[derive(Debug)]
pub(super) struct Handle {
    pub(super) commands: Mutex<Sender<Command>>,
    wake: Arc<OwnedFd>,
    pub(super) counts: Arc<WorkerCounts>,
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    pub(super) fn as_peer(&self) -> Peer {
        Peer {
            commands: unpoisoned(&self.commands).clone(),
            wake: Arc::clone(&self.wake),
            counts: Arc::clone(&self.counts),
        }
    }

    /// A worker that is lost hears nothing, and its answers are missed by nobody.
    pub(super) fn send(&self, command: Command) {
        let _ = unpoisoned(&self.commands).send(command);
        signal(&*self.wake);
    }
}

/// Starts a worker.
pub(super) fn spawn(index: usize, shared: &Arc<Shared>) -> std::io::Result<Handle> {
    let (commands, inbox) = channel();
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let counts = Arc::new(WorkerCounts::default());
    let mut worker =
        Worker::new(index, Arc::clone(shared), Arc::clone(&counts), inbox, Arc::clone(&wake), seed()?)?;
    counts.alive.store(true, Relaxed);
    let (counted, shared) = (Arc::clone(&counts), Arc::clone(shared));
    let body = move || {
        ignore_broken_pipes();
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| worker.run())) {
            let message = words_of(&*panic);
            shared.events.tell(Event::WorkerLost { worker: index as u32, message });
            if catch_unwind(AssertUnwindSafe(|| worker.recover())).is_err() {
                break;
            }
        }
        counted.alive.store(false, Relaxed);
    };
    let thread = std::thread::Builder::new().name(format!("pb-worker-{index}")).spawn(body)?;
    Ok(Handle { commands: Mutex::new(commands), wake, counts, thread: Mutex::new(Some(thread)) })
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

fn seed() -> std::io::Result<u64> {
    use std::io::Read;
    let mut seed = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(u64::from_ne_bytes(seed))
}
