//! What this process gives up before it serves: another user's identity, capabilities, files, system calls.
//!
//! The law: it is done once, by the only thread there is, before anything is listened on; every later thread
//! inherits it, and nothing of it can be had again. What the kernel does not offer is told, never passed over
//! in silence.

mod capabilities;
mod identity;
mod landlock;
mod seccomp;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{EngineError, ErrorKind};

/// What is asked for, as JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The user to become; absent to stay who we are.
    pub uid: Option<u32>,
    /// The group to become; all others are dropped.
    pub gid: Option<u32>,
    /// Capabilities to keep of those there are, such as `net_bind_service`.
    pub capabilities: Vec<String>,
    /// Whether to give up new privileges, files and system calls too.
    pub restrict: bool,
    /// Files and folders that may be read.
    pub read: Vec<PathBuf>,
    /// Files and folders that may be written.
    pub write: Vec<PathBuf>,
}

/// What is in force from now on.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The user we are.
    pub uid: u32,
    /// The group we are.
    pub gid: u32,
    /// The capabilities that are left.
    pub capabilities: Vec<String>,
    /// Whether no program started from here can have more.
    pub no_new_privs: bool,
    /// Landlock's version here; 0 where it restricts nothing.
    pub landlock: u32,
    /// Whether a filter lets only known system calls through.
    pub seccomp: bool,
    /// What was asked for and could not be had, a sentence each.
    pub missing: Vec<String>,
}

/// Carries a [`Request`] out. To be called before there is a second thread.
///
/// # Errors
/// If the request is no request, or the identity asked for cannot be had: nothing may be served then. What
/// restricts beyond that is had as far as the kernel has it.
pub fn confine(request: &[u8]) -> Result<Report, EngineError> {
    let request: Request = serde_json::from_slice(request)
        .map_err(|error| refused("confinement", format!("not a request: {error}")))?;
    alone()?;
    let kept = capabilities::wanted(&request.capabilities).map_err(|error| refused("confinement", error))?;
    let failed = |what: &str, error: rustix::io::Errno| refused("engine.user", format!("{what}: {error}"));
    capabilities::bound(kept).map_err(|error| failed("capabilities cannot be given up", error))?;
    if let (Some(uid), Some(gid)) = (request.uid, request.gid) {
        identity::become_user(uid, gid).map_err(|error| failed("cannot become that user", error))?;
    }
    capabilities::reduce(kept).map_err(|error| failed("capabilities cannot be given up", error))?;
    let mut missing = Vec::new();
    let mut noted = |outcome: Result<u32, String>| {
        outcome.unwrap_or_else(|sentence| {
            missing.push(sentence);
            0
        })
    };
    let (mut landlock, mut seccomp) = (0, 0);
    if request.restrict {
        noted(
            rustix::thread::set_no_new_privs(true)
                .map(|()| 0)
                .map_err(|error| format!("no_new_privs: {error}")),
        );
        landlock = noted(landlock::restrict(&request.read, &request.write));
        seccomp = noted(seccomp::filter());
    }
    Ok(Report {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        capabilities: capabilities::left(),
        no_new_privs: rustix::thread::no_new_privs().unwrap_or(false),
        landlock,
        seccomp: seccomp > 0,
        missing,
    })
}

/// What follows holds for the calling thread and those it starts: there must be no other.
fn alone() -> Result<(), EngineError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    let message = || format!("there are {threads} threads already, expected one");
    if threads > 1 { Err(refused("confinement", message())) } else { Ok(()) }
}

fn refused(place: &str, message: String) -> EngineError {
    EngineError::new(ErrorKind::Confinement, place, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing may be given up by one thread that another one keeps.
    #[test]
    fn with_a_second_thread_it_is_refused() {
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let second = std::thread::spawn(move || wait.recv().is_err());
        let nothing =
            br#"{"uid": null, "gid": null, "capabilities": [], "restrict": false, "read": [], "write": []}"#;
        let refusal = confine(nothing).expect_err("there are two threads");
        assert_eq!(refusal.kind, ErrorKind::Confinement);
        assert!(refusal.message.ends_with("expected one"), "{}", refusal.message);
        drop(end);
        assert_eq!(second.join().ok(), Some(true));
    }
}
