//! Pipes for bulk: bytes pass from socket to socket in the kernel's own pages, and are not copied by us.
//!
//! A pipe that is handed out is empty, and one with bytes in it never comes back: whatever becomes of its
//! session, its bytes are that session's or nobody's. There are few, made when first needed: each is two
//! descriptors and up to [`PIPE`] of the kernel's memory.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rustix::io::{Errno, read};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::events::Events;
use crate::report::Event;

/// What one holds: all that Linux gives a user without privileges (`fs.pipe-max-size`). It is counted in
/// pages of which a network card may fill but a part.
pub(crate) const PIPE: usize = 1024 * 1024;

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

/// What the workers may have of pipes.
#[derive(Debug)]
pub(crate) struct Supply {
    /// Pipes for each worker.
    each: usize,
    size: usize,
    refused: AtomicBool,
    events: Arc<Events>,
}

impl Supply {
    pub(crate) fn new(each: usize, size: usize, events: Arc<Events>) -> Supply {
        Supply { each, size, refused: AtomicBool::new(false), events }
    }

    /// The kernel has pipes, but not of that size: smaller ones are worse than copying. The limit is one of
    /// the user's, hence all workers', and told once.
    fn refuse(&self, error: Errno) {
        if self.refused.swap(true, Relaxed) {
            return;
        }
        let message = format!(
            "no more pipes of {} KiB: {error}; bulk is copied, at more processor time a byte \
             (fs.pipe-max-size, fs.pipe-user-pages-soft)",
            self.size / 1024
        );
        self.events.tell(Event::Warning { message });
    }
}

/// One worker's pipes: those that are empty, and how many there are.
#[derive(Debug)]
pub(crate) struct Pipes {
    supply: Arc<Supply>,
    empty: Vec<Pipe>,
    made: Arc<AtomicUsize>,
}

impl Pipes {
    pub(crate) fn new(supply: Arc<Supply>) -> Pipes {
        Pipes { supply, empty: Vec::new(), made: Arc::default() }
    }

    /// An empty pipe, if there is one to be had.
    pub(crate) fn take(&mut self) -> Option<Pipe> {
        self.empty.pop().or_else(|| self.make())
    }

    /// Whether a session may keep a pipe beyond its turn: the last one is for the turns of the others.
    pub(crate) fn can_spare(&self) -> bool {
        !self.empty.is_empty() || self.may_make()
    }

    /// Takes a pipe back, for others; one with bytes in it is closed.
    pub(crate) fn give_back(&mut self, pipe: Pipe) {
        if pipe.holds == 0 {
            self.empty.push(pipe);
        }
    }

    /// Those that are empty and made already.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.empty.len()
    }

    fn may_make(&self) -> bool {
        self.made.load(Relaxed) < self.supply.each && !self.supply.refused.load(Relaxed)
    }

    /// Without descriptors there is none now: that is told where clients wait for them.
    fn make(&mut self) -> Option<Pipe> {
        if !self.may_make() {
            return None;
        }
        let (outlet, inlet) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        if let Err(error) = fcntl_setpipe_size(&inlet, self.supply.size) {
            self.supply.refuse(error);
            return None;
        }
        self.made.fetch_add(1, Relaxed);
        Some(Pipe { inlet, outlet, size: self.supply.size, holds: 0, _place: Place(Arc::clone(&self.made)) })
    }
}

/// A pipe's place among its worker's, free again when it is closed.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One pipe, and how many bytes are in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    inlet: OwnedFd,
    outlet: OwnedFd,
    size: usize,
    holds: usize,
    _place: Place,
}

impl Pipe {
    /// Bytes in it.
    pub(crate) fn holds(&self) -> usize {
        self.holds
    }

    /// Takes up to `most` bytes that wait in a socket. It must be empty: then `AGAIN` is the socket's word,
    /// never that of a pipe whose pages are used up.
    pub(super) fn fill(&mut self, source: BorrowedFd<'_>, most: usize) -> Result<usize, Errno> {
        debug_assert_eq!(self.holds, 0);
        let count = splice(source, None, &self.inlet, None, most.min(self.size), FLAGS)?;
        self.holds += count;
        Ok(count)
    }

    /// Has a socket take what it will; `AGAIN` if that is nothing now.
    pub(super) fn drain(&mut self, sink: BorrowedFd<'_>) -> Result<usize, Errno> {
        loop {
            match splice(&self.outlet, None, sink, None, self.holds, FLAGS) {
                Err(Errno::INTR) => {}
                Ok(0) => return Err(Errno::IO),
                Ok(count) => {
                    self.holds -= count;
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves all that is in it to the start of `buffer`, which has room for it.
    pub(super) fn read_out<'a>(&mut self, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
        let mut filled = 0;
        while self.holds > 0 {
            match read(&self.outlet, &mut buffer[filled..]) {
                Err(Errno::INTR) => {}
                Ok(0) => return Err(Errno::IO),
                Ok(count) => {
                    self.holds -= count;
                    filled += count;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(&buffer[..filled])
    }
}
