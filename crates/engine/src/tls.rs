//! TLS where a connection ends or begins at us: towards clients (termination) and towards nodes
//! (re-encryption). The relay sees plaintext; nothing else of the engine sees more than a [`Link`].
//!
//! An end of TLS is its `close_notify`. A connection that ends without one was cut off, whoever did
//! it, and is passed on as a reset, never as a clean end; see docs/decisions.

mod inward;
mod link;
mod material;
mod outward;
mod validity;
mod wire;

pub(crate) use inward::{Inward, inward, words};
pub(crate) use link::{Broken, End, Link};
pub(crate) use material::{authorities, certified_key, names_of};
pub(crate) use outward::{Outward, fault};
pub(crate) use validity::validity;

#[cfg(test)]
pub(crate) mod tests;
