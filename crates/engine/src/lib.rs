//! The data plane of Proto Balance: sockets, event loops, relays. Knows nothing of Python.
//!
//! The nouns, from the outside in:
//!
//! * [`engine::Engine`]: what the control plane holds; every call of the boundary is one of its methods.
//! * `plan`: a configuration compiled; `registry` makes it and carries over what outlives plans.
//! * `worker`: a thread with its own event loop; `accept` takes connections in, `sessions` carries
//!   out what `protobalance_core::session` decides, `ending` and `finish` let sessions go.
//! * `pair`: a session's two sockets; `relay`: one direction between them; `tls`: an end that encrypts.
//! * `admission`: what each client may have of a listener; [`confine`]: what the process gives up
//!   before it serves.
//!
//! The way of a connection: `accept` -> `sessions` -> `connect` -> `relay` -> `finish`.

#![deny(unsafe_code)]

mod accept;
mod admission;
pub mod affinity_file;
mod alarm;
mod arrivals;
mod attempt;
mod bind;
mod clock;
pub mod confine;
mod connect;
mod decisions;
mod doors;
mod ending;
pub mod engine;
pub mod error;
mod events;
mod finish;
mod ftp;
mod handed_over;
mod handshake;
mod held;
pub mod inspection;
mod introduction;
mod limits;
mod lines;
mod newcomer;
mod pair;
mod peers;
mod plan;
mod ports;
mod queue;
mod record;
mod registry;
mod relay;
pub mod report;
mod rounds;
mod session_log;
mod sessions;
mod snapshot;
mod sources;
mod spares;
pub mod spec;
#[allow(unsafe_code, reason = "the one file that makes system calls rustix has no safe form for")]
mod sys;
mod table;
mod timer;
mod tls;
mod token;
mod worker;

/// A lock whose earlier holder panicked still guards sound data: every critical section here
/// replaces whole values.
fn unpoisoned<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
