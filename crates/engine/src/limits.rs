//! What this process can carry, computed at its start (law 9).

use rustix::process::{Resource, getrlimit};

/// Descriptors kept for everything that is no session: listeners, logs, the admin socket, Python.
const RESERVED: u64 = 256;
/// A session has two sockets.
const PER_SESSION: u64 = 2;

/// Sessions at a time: what is wanted, or less where descriptors do not suffice.
pub(crate) fn max_sessions(wanted: u64) -> u64 {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = descriptors.saturating_sub(RESERVED).max(PER_SESSION) / PER_SESSION;
    match wanted {
        0 => possible,
        wanted => wanted.min(possible),
    }
}
