//! Edge-triggered readiness, by number. Number [`CONTROL`] is standard input.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

/// The number under which standard input reports.
pub(crate) const CONTROL: u64 = u64::MAX;

/// An epoll instance and its last batch of events.
pub(crate) struct Events {
    epoll: std::os::fd::OwnedFd,
    batch: Vec<epoll::Event>,
}

impl Events {
    /// An instance that watches nothing.
    pub(crate) fn new() -> Result<Events, Errno> {
        Ok(Events { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, batch: Vec::with_capacity(1024) })
    }

    /// Reports `number` whenever the socket becomes readable, writable or failed.
    pub(crate) fn watch(&self, socket: impl AsFd, number: u64) -> Result<(), Errno> {
        let edges =
            epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(number), edges)
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
        let timeout = patience.map(|span| Timespec {
            tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: span.subsec_nanos().into(),
        });
        self.batch.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.batch), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(self.batch.iter().map(|event| event.data.u64()).collect()),
            Err(error) => Err(error),
        }
    }
}
