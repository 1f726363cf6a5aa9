//! Edge-triggered readiness, by number. Number [`CONTROL`] is standard input.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

/// The number under which standard input reports.
pub(crate) const CONTROL: u64 = u64::MAX;

const READING: epoll::EventFlags =
    epoll::EventFlags::IN.union(epoll::EventFlags::RDHUP).union(epoll::EventFlags::ET);

/// An epoll instance and its last batch of events.
pub(crate) struct Events {
    epoll: std::os::fd::OwnedFd,
    batch: Vec<epoll::Event>,
}

/// What is known of one source.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    /// The number it is watched under.
    pub(crate) number: u64,
    /// The other side has ended its direction: after a short read nothing more will come.
    pub(crate) ended: bool,
}

impl Events {
    /// An instance that watches nothing.
    pub(crate) fn new() -> Result<Events, Errno> {
        Ok(Events { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, batch: Vec::with_capacity(1024) })
    }

    /// Reports `number` whenever the socket becomes readable, writable or failed.
    pub(crate) fn watch(&self, socket: impl AsFd, number: u64) -> Result<(), Errno> {
        let edges = READING | epoll::EventFlags::OUT;
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(number), edges)
    }

    /// Reports `number` whenever the socket becomes readable or failed.
    pub(crate) fn watch_reading(&self, socket: impl AsFd, number: u64) -> Result<(), Errno> {
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(number), READING)
    }

    /// Reports from now on also when a socket that is watched becomes writable.
    pub(crate) fn watch_writing(&self, socket: impl AsFd, number: u64) -> Result<(), Errno> {
        let edges = READING | epoll::EventFlags::OUT;
        epoll::modify(&self.epoll, socket, epoll::EventData::new_u64(number), edges)
    }

    /// Reports `number` as long as something can be read: for listeners and standard input.
    pub(crate) fn watch_level(&self, source: impl AsFd, number: u64) -> Result<(), Errno> {
        epoll::add(&self.epoll, source, epoll::EventData::new_u64(number), epoll::EventFlags::IN)
    }

    /// Reports no more about a source that stays open.
    pub(crate) fn forget(&self, source: impl AsFd) -> Result<(), Errno> {
        epoll::delete(&self.epoll, source)
    }

    /// The numbers that have something to report, waiting at most `patience`.
    pub(crate) fn wait(&mut self, patience: Option<Duration>) -> Result<Vec<u64>, Errno> {
        let count = self.gather(patience)?;
        Ok((0..count).map(|index| self.ready(index).number).collect())
    }

    /// The same for loops that may not allocate: how many there are, to be asked for by index.
    pub(crate) fn gather(&mut self, patience: Option<Duration>) -> Result<usize, Errno> {
        let timeout = patience.map(|span| Timespec {
            tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: span.subsec_nanos().into(),
        });
        self.batch.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.batch), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(self.batch.len()),
            Err(error) => Err(error),
        }
    }

    /// One of those gathered last.
    pub(crate) fn ready(&self, index: usize) -> Ready {
        let epoll::Event { flags, data } = self.batch[index];
        let over = epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        Ready { number: data.u64(), ended: flags.intersects(over) }
    }
}
