//! What this process can carry, computed at its start (law 9).

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::process::{Resource, getrlimit};

/// Descriptors kept for everything that is no session: listeners, logs, the admin socket, Python, pipes.
const RESERVED: u64 = 320;
/// So many of them for listening sockets: one for each address and worker.
const LISTENING: u64 = 128;
/// A pipe has two ends.
const PER_PIPE: u64 = 2;
/// Pipes at a time, of all workers: a fifth of what is reserved, and half of the pages that Linux allows one
/// user without privileges for pipes (`fs.pipe-user-pages-soft`).
const PIPES: usize = 32;
/// Each worker has a few, however many workers there are: one to work with, the others for sinks that stall.
const FEWEST_PIPES: usize = 2;
const MOST_PIPES: usize = 16;
/// A session has two sockets.
const PER_SESSION: u64 = 2;

/// Descriptors for which the kernel's table is made large at the start. It has 8 bytes for each.
const TABLE: u64 = 1 << 16;

/// Has the kernel make its table of descriptors as large as it will be needed. It would grow by doubling, and
/// each time a process of several threads waits for all processors to have noticed: some 10 to 20 ms, while
/// nobody is served and clients overflow the queue. Before there are threads it waits for nobody.
pub(crate) fn make_descriptor_table(any: impl AsFd, sessions: u64) {
    let needed = (PER_SESSION * sessions + RESERVED).min(TABLE).min(descriptors());
    // A larger one than there is, or none: what is refused now will grow when it must.
    let _ = rustix::io::fcntl_dupfd_cloexec(any, needed.saturating_sub(1) as i32);
}

/// Sessions at a time beside so many listening sockets: what is wanted, or less where descriptors do not
/// suffice.
pub(crate) fn sessions_possible(wanted: u64, listening: u64) -> u64 {
    let others = RESERVED + listening.saturating_sub(LISTENING);
    let possible = descriptors().saturating_sub(others).max(PER_SESSION) / PER_SESSION;
    match wanted {
        0 => possible,
        wanted => wanted.min(possible),
    }
}

fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Pipes at a time for each of so many workers; none where descriptors are short, for sessions come first.
pub(crate) fn pipes_possible(workers: usize) -> usize {
    pipes_with(descriptors(), workers)
}

fn pipes_with(descriptors: u64, workers: usize) -> usize {
    let each = (PIPES / workers.max(1)).clamp(FEWEST_PIPES, MOST_PIPES);
    if descriptors / 16 < PER_PIPE * (each * workers) as u64 { 0 } else { each }
}

/// Places for sessions that several workers take and give back, never more than there are.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// 0 for as many as one likes.
    places: AtomicU64,
    taken: AtomicU64,
}

impl Room {
    pub(crate) fn set_places(&self, places: u64) {
        self.places.store(places, Relaxed);
    }

    pub(crate) fn places(&self) -> u64 {
        self.places.load(Relaxed)
    }

    /// Takes a place; false if none is left.
    pub(crate) fn take(&self) -> bool {
        let places = self.places();
        let next = |taken| (places == 0 || taken < places).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, next).is_ok()
    }

    /// Takes a place though there is none: for what belongs to a session that has its own.
    pub(crate) fn take_anyway(&self) {
        self.taken.fetch_add(1, Relaxed);
    }

    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{RESERVED, Room, pipes_with};

    #[test]
    fn each_worker_has_a_few_pipes_and_all_of_them_not_many() {
        let each = |workers| pipes_with(u64::MAX, workers);
        assert_eq!([1, 2, 4, 15, 16, 100].map(each), [16, 16, 8, 2, 2, 2]);
        assert!((1..=16).all(|workers| 2 * (each(workers) * workers) as u64 <= RESERVED / 5));
    }

    #[test]
    fn where_descriptors_are_short_sessions_have_all_of_them() {
        for (workers, enough) in [(1, 512), (2, 1024), (16, 1024), (100, 6400)] {
            assert_eq!(pipes_with(enough - 1, workers), 0);
            assert!(pipes_with(enough, workers) > 0);
        }
    }

    #[test]
    fn there_is_room_for_as_many_as_there_are_places() {
        let room = Room::default();
        assert!(room.take() && room.take(), "no limit");
        room.set_places(3);
        assert!(room.take());
        assert!(!room.take());
        room.give_back();
        assert!(room.take());
        room.set_places(1);
        room.give_back();
        assert!(!room.take(), "a limit that was lowered holds for whoever comes next");
    }
}
