//! From records to the first handshake message: each has a header of five bytes, then a part of it.

use std::borrow::Cow;

use super::{LONGEST, Malformed};
use crate::wire::Parse;

const HEADER: usize = 5;
const HANDSHAKE: u8 = 22;
/// The first byte of the version of every TLS record since SSL 3.0.
const MAJOR: u8 = 3;
/// The most a plaintext record holds.
const MOST: usize = 1 << 14;
/// Before a handshake message: its type, and its length in three bytes.
const PROLOGUE: usize = 4;
const CLIENT_HELLO: u8 = 1;

/// The body of the ClientHello. Copied only where it lies in several records.
pub(super) fn assemble(bytes: &[u8]) -> Result<Parse<Cow<'_, [u8]>>, Malformed> {
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut at = 0;
    loop {
        let Some(length) = length(bytes.get(at..).unwrap_or_default(), at == 0)? else {
            return Ok(Parse::Incomplete { needed: at + HEADER });
        };
        let (start, end) = (at + HEADER, at + HEADER + length);
        let part = &bytes[start..end.min(bytes.len())];
        if message.is_empty() {
            message = Cow::Borrowed(part);
        } else {
            message.to_mut().extend_from_slice(part);
        }
        let whole = whole_length(&message)?;
        if let (Some(whole), true) = (whole, whole.is_some_and(|whole| message.len() >= whole)) {
            let used = start + part.len() - (message.len() - whole);
            return Ok(Parse::Complete { value: body(message, whole), used });
        }
        if part.len() < length {
            let missing = whole.unwrap_or(PROLOGUE) - message.len();
            return Ok(Parse::Incomplete { needed: end.min(bytes.len() + missing) });
        }
        at = end;
    }
}

/// How much the record that begins here holds; `None` while its header is not whole.
fn length(record: &[u8], first: bool) -> Result<Option<usize>, Malformed> {
    match (record.first(), record.get(1)) {
        (Some(&HANDSHAKE) | None, Some(&MAJOR) | None) => {}
        _ if first => return Err(Malformed::NoHandshake),
        _ => return Err(Malformed::Record),
    }
    let Some(&[high, low]) = record.get(3..HEADER) else { return Ok(None) };
    match usize::from(u16::from_be_bytes([high, low])) {
        length @ 1..=MOST => Ok(Some(length)),
        _ => Err(Malformed::Record),
    }
}

/// The message's length with its prologue, once that is there.
fn whole_length(message: &[u8]) -> Result<Option<usize>, Malformed> {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Err(Malformed::NoClientHello);
    }
    let Some(&[high, middle, low]) = message.get(1..PROLOGUE) else { return Ok(None) };
    let whole = PROLOGUE + u32::from_be_bytes([0, high, middle, low]) as usize;
    if whole > LONGEST { Err(Malformed::Long) } else { Ok(Some(whole)) }
}

fn body(message: Cow<'_, [u8]>, whole: usize) -> Cow<'_, [u8]> {
    match message {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[PROLOGUE..whole]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(whole);
            bytes.drain(..PROLOGUE);
            Cow::Owned(bytes)
        }
    }
}
