//! A ClientHello's body, as far as the name in it: parts of known or declared length, one after the other.

use super::Malformed;

const RANDOM: usize = 32;
const SERVER_NAME: usize = 0;
const HOST_NAME: u8 = 0;

/// What is left of some bytes to read.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Parts)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of one to three bytes.
    fn number(&mut self, bytes: usize) -> Result<usize, Malformed> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// Bytes behind their count, which itself has so many.
    fn counted(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let count = self.number(bytes)?;
        self.take(count)
    }
}

/// The name that the client asks for, as it is written.
pub(super) fn server_name(body: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut parts = Parts(body);
    parts.take(2 + RANDOM)?;
    parts.counted(1)?; // session id
    parts.counted(2)?; // cipher suites
    parts.counted(1)?; // compression methods
    if parts.0.is_empty() {
        return Ok(None); // TLS 1.2 and before may have no extensions.
    }
    let mut extensions = Parts(parts.counted(2)?);
    if !parts.0.is_empty() {
        return Err(Malformed::Parts);
    }
    let mut name = None;
    while !extensions.0.is_empty() {
        let (kind, content) = (extensions.number(2)?, extensions.counted(2)?);
        if kind == SERVER_NAME && name.replace(host_name(content)?).is_some() {
            return Err(Malformed::ServerName);
        }
    }
    Ok(name.flatten())
}

/// The first host name in the list, of which there may be one at most.
fn host_name(extension: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let malformed = |_| Malformed::ServerName;
    let mut parts = Parts(extension);
    let mut list = Parts(parts.counted(2).map_err(malformed)?);
    if !parts.0.is_empty() || list.0.is_empty() {
        return Err(Malformed::ServerName);
    }
    let mut found = None;
    while !list.0.is_empty() {
        let (kind, name) = (list.take(1).map_err(malformed)?, list.counted(2).map_err(malformed)?);
        if kind == [HOST_NAME] && (name.is_empty() || found.replace(name).is_some()) {
            return Err(Malformed::ServerName);
        }
    }
    Ok(found)
}
