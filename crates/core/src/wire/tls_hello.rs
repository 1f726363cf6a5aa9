//! The name that a TLS client asks for, read from its ClientHello and from nothing else (RFC 8446,
//! sections 4.1.2 and 5.1; RFC 6066, section 3). Nothing is decrypted, and nothing is believed: the name
//! chooses a way, and whoever answers there has to prove it.
//!
//! A ClientHello may be cut into records anywhere. Extensions that are not looked for are skipped, as
//! clients put made-up ones between (RFC 8701).

mod message;
mod records;

#[cfg(test)]
mod tests;

use super::Parse;

/// The longest ClientHello that is read, with the records around it.
pub const LONGEST: usize = 64 * 1024;

/// What of a ClientHello chooses a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// In lower case, without a dot at its end. `None` if there is none, or one that no host can have.
    pub server_name: Option<Box<str>>,
}

/// Why bytes are no ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They begin with no TLS handshake.
    NoHandshake,
    /// A record that is empty or longer than TLS allows, or another kind of record in between.
    Record,
    /// A handshake that begins with another message.
    NoClientHello,
    /// Longer than [`LONGEST`].
    Long,
    /// A ClientHello whose parts do not fit together.
    Parts,
    /// One that names its server twice, or not as it must.
    ServerName,
}

impl Malformed {
    /// Why, in words for a log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Malformed::NoHandshake => "no TLS handshake",
            Malformed::Record => "a TLS handshake in malformed records",
            Malformed::NoClientHello => "a TLS handshake without a ClientHello",
            Malformed::Long => "a TLS ClientHello that is too long",
            Malformed::Parts => "a malformed TLS ClientHello",
            Malformed::ServerName => "a TLS ClientHello with a malformed server name",
        }
    }
}

/// Reads the ClientHello that `bytes` begin with.
///
/// # Errors
/// If no continuation could make it one.
pub fn parse(bytes: &[u8]) -> Result<Parse<Hello>, Malformed> {
    match records::assemble(bytes)? {
        Parse::Incomplete { needed: length } | Parse::Complete { used: length, .. } if length > LONGEST => {
            Err(Malformed::Long)
        }
        Parse::Incomplete { needed } => Ok(Parse::Incomplete { needed }),
        Parse::Complete { value, used } => {
            let server_name = message::server_name(&value)?.and_then(host);
            Ok(Parse::Complete { value: Hello { server_name }, used })
        }
    }
}

/// The name as names are compared; `None` for what no host is called, such as an address of IPv6.
fn host(name: &[u8]) -> Option<Box<str>> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &[u8]| (1..=63).contains(&label.len()) && label.iter().all(fits);
    let is_host = name.len() <= 253 && name.split(|byte| *byte == b'.').all(label);
    let lower = is_host.then(|| name.to_ascii_lowercase())?;
    Some(String::from_utf8(lower).ok()?.into())
}
