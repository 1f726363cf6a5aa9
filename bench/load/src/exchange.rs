//! What a rate is made of: *exchanges*, each a request of so many bytes and an answer of so many. Both sides
//! count in sums since the connection began, so a byte too few or too many is seen, and nothing is allocated.
//!
//! Small messages are compared with what they must be. Of larger ones (bulk) only the count is checked, for a
//! measurement of a balancer must not be one of how fast this tool reads memory: [`crate::pattern`] and the
//! checking subcommands look at every byte.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::arguments::Arguments;
use crate::pattern::Pattern;
use crate::sockets;

/// Messages up to this size are compared byte by byte.
const COMPARED: u64 = 64 * 1024;
/// Written at a time, and read of compared messages.
const PIECE: usize = 256 * 1024;
/// Discarded at a time, of messages that are only counted.
const DISCARDED: usize = 1024 * 1024;
/// Pieces of one connection before the others have their turn.
pub(crate) const TURNS: usize = 16;

/// The sizes, the same at both ends.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Bytes of a request.
    pub(crate) request: u64,
    /// Bytes of an answer.
    pub(crate) answer: u64,
    /// Exchanges of a connection, after which the node closes it; 0: as many as the client likes.
    pub(crate) each: u64,
}

impl Shape {
    /// From `--request`, `--answer` and `--each`.
    pub(crate) fn parse(arguments: &mut Arguments) -> Result<Shape, Box<dyn std::error::Error>> {
        let shape = Shape {
            request: arguments.get("request", 100)?,
            answer: arguments.get("answer", 100)?,
            each: arguments.get("each", 0)?,
        };
        if shape.request == 0 || shape.answer == 0 {
            return Err("--request and --answer are at least 1".into());
        }
        Ok(shape)
    }
}

/// How an attempt to receive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// All that was there, and the other side may go on.
    Drained,
    /// There may be more.
    More,
    /// The other side has ended.
    End,
}

/// The messages, and memory to read into: one for all connections.
pub(crate) struct Payload {
    bytes: Vec<u8>,
    buffer: Vec<u8>,
}

impl Payload {
    /// Everything allocated that will ever be.
    pub(crate) fn new() -> Payload {
        let pattern = Pattern::new();
        let mut bytes = Vec::with_capacity(PIECE);
        while bytes.len() < PIECE {
            bytes.extend_from_slice(pattern.at(0, bytes.len() as u64, (PIECE - bytes.len()) as u64));
        }
        Payload { bytes, buffer: vec![0; DISCARDED] }
    }

    /// Sends on, up to `until`, where `sent` of messages of `size` are sent. The new count, and whether the
    /// kernel took all.
    pub(crate) fn send(
        &self,
        socket: &OwnedFd,
        mut sent: u64,
        until: u64,
        size: u64,
    ) -> Result<(u64, bool), Errno> {
        while sent < until {
            let start = (sent % size) as usize % PIECE;
            let length = (size - sent % size).min((PIECE - start) as u64).min(until - sent) as usize;
            match sockets::write(socket.as_fd(), &self.bytes[start..start + length])? {
                None => return Ok((sent, false)),
                Some(count) => sent += count as u64,
            }
        }
        Ok((sent, true))
    }

    /// Receives once, where `got` of messages of `size` are received. Wrong bytes are `EBADMSG`.
    pub(crate) fn receive(&mut self, socket: &OwnedFd, got: &mut u64, size: u64) -> Result<Got, Errno> {
        let (flags, room) =
            if size > COMPARED { (RecvFlags::TRUNC, DISCARDED) } else { (RecvFlags::empty(), PIECE) };
        let count = match recv(socket, &mut self.buffer[..room], flags) {
            Ok((_, 0)) => return Ok(Got::End),
            Ok((_, count)) => count,
            Err(Errno::AGAIN) => return Ok(Got::Drained),
            Err(error) => return Err(error),
        };
        if size <= COMPARED && !self.compare(count, *got % size, size as usize) {
            return Err(Errno::BADMSG);
        }
        *got += count as u64;
        Ok(if count < room { Got::Drained } else { Got::More })
    }

    /// Whether the first `count` bytes of the buffer are what belongs at `offset` of messages of `size`.
    fn compare(&self, count: usize, offset: u64, size: usize) -> bool {
        let mut offset = offset as usize;
        let mut rest = &self.buffer[..count];
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(size - offset));
            if piece != &self.bytes[offset..offset + piece.len()] {
                return false;
            }
            (offset, rest) = (0, more);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Payload;

    #[test]
    fn messages_are_compared_wherever_reads_cut_them() {
        let mut payload = Payload::new();
        let stream: Vec<u8> = payload.bytes[..100].repeat(3);
        for start in 0..100 {
            for length in 1..200 {
                payload.buffer[..length].copy_from_slice(&stream[start..start + length]);
                assert!(payload.compare(length, start as u64, 100));
                payload.buffer[length / 2] ^= 1;
                assert!(!payload.compare(length, start as u64, 100), "from {start}, {length} bytes");
            }
        }
    }
}
