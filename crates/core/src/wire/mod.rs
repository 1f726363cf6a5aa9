//! Parsers of what peers send. What one answers does not depend on how the bytes were cut. No input makes
//! one panic, allocate more than a small bound, or read past the end it declares.
//!
//! Most look at the bytes from their first one on, keep nothing between two looks, and answer with one of
//! three: more is needed, it is complete, or it can never be. `ftp` reads on for as long as a connection
//! lives, and remembers what it must.

#[cfg(test)]
mod cuts;

pub mod ftp;
pub mod proxy_protocol;
pub mod tls_hello;

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parse<T> {
    /// They are a beginning. None with less than `needed` bytes in all is whole.
    Incomplete {
        /// More than there are now.
        needed: usize,
    },
    /// They begin with a whole one.
    Complete {
        /// What it says.
        value: T,
        /// How many bytes it takes.
        used: usize,
    },
}
