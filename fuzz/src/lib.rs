//! What must hold for whatever comes from outside, parser by parser. A *law* takes any bytes and panics
//! where it is broken; it says more than that nothing panics.
//!
//! The same laws run in two ways: `tests/corpus.rs` plays the corpus and seeded mutations of it, in
//! seconds; `bin/guided.rs` lets libFuzzer look for inputs that reach new code, as long as one likes.

mod cuts;
mod laws;

/// Bytes for which a law holds or panics.
pub type Law = fn(&[u8]);

/// Every law by the name of its corpus.
pub const LAWS: &[(&str, Law)] = &[
    ("ftp_replies", laws::ftp_replies::holds),
    ("load_expression", laws::load_expression::holds),
    ("proxy_protocol", laws::proxy_protocol::holds),
    ("tls_hello", laws::tls_hello::holds),
];

/// The law of that name.
#[must_use]
pub fn law(name: &str) -> Option<Law> {
    LAWS.iter().find(|(known, _)| *known == name).map(|(_, law)| *law)
}
