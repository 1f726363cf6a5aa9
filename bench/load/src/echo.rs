//! One conversation as its client sees it, without any socket: what to send next, and whether what
//! came back is the node's name followed by exactly what was sent.

use crate::pattern::Pattern;

/// Longer than any name a node here gives itself.
const LONGEST_NAME: usize = 64;

/// What came back is not what was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch;

/// The state of one conversation.
pub(crate) struct Echo {
    seed: u64,
    name: Vec<u8>,
    named: bool,
    sent: u64,
    received: u64,
    /// Send up to here.
    pub(crate) goal: u64,
}

impl Echo {
    /// A conversation that has not begun. `seed` tells its bytes from those of other sessions.
    pub(crate) fn new(seed: u64, goal: u64) -> Echo {
        Echo { seed, name: Vec::new(), named: false, sent: 0, received: 0, goal }
    }

    /// What to send now; empty if there is nothing.
    pub(crate) fn outgoing<'a>(&self, pattern: &'a Pattern) -> &'a [u8] {
        pattern.at(self.seed, self.sent, self.goal - self.sent)
    }

    /// Notes that `count` bytes of [`Echo::outgoing`] were sent.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count as u64;
    }

    /// Checks what came back.
    pub(crate) fn take(&mut self, mut bytes: &[u8], pattern: &Pattern) -> Result<(), Mismatch> {
        while !self.named {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            if byte == b'\n' {
                self.named = true;
            } else if self.name.len() < LONGEST_NAME && byte.is_ascii_graphic() {
                self.name.push(byte);
            } else {
                return Err(Mismatch);
            }
        }
        while !bytes.is_empty() {
            let expected = pattern.at(self.seed, self.received, bytes.len() as u64);
            let (now, rest) = bytes.split_at(expected.len());
            if now != expected || self.received + now.len() as u64 > self.sent {
                return Err(Mismatch);
            }
            self.received += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Whether the node said its name.
    pub(crate) fn is_named(&self) -> bool {
        self.named
    }

    /// The node's name, as far as it came.
    pub(crate) fn name(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or_default()
    }

    /// Whether all was sent.
    pub(crate) fn all_sent(&self) -> bool {
        self.sent == self.goal
    }

    /// Whether all was sent and came back.
    pub(crate) fn all_answered(&self) -> bool {
        self.named && self.received == self.goal
    }

    /// Bytes that came back.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }
}

#[cfg(test)]
mod tests {
    use super::{Echo, Mismatch};
    use crate::pattern::Pattern;

    fn spoken(pattern: &Pattern) -> (Echo, Vec<u8>) {
        let mut echo = Echo::new(3, 200_000);
        let mut bytes = Vec::new();
        while !echo.all_sent() {
            let piece = echo.outgoing(pattern);
            bytes.extend_from_slice(piece);
            echo.sent(piece.len());
        }
        (echo, bytes)
    }

    #[test]
    fn any_split_of_the_right_answer_is_accepted() {
        let pattern = Pattern::new();
        for size in [1, 7, 4096, 65_537, 300_000] {
            let (mut echo, bytes) = spoken(&pattern);
            let answer = [b"n1\n", bytes.as_slice()].concat();
            for piece in answer.chunks(size) {
                assert!(!echo.all_answered());
                assert_eq!(echo.take(piece, &pattern), Ok(()));
            }
            assert!(echo.all_answered());
            assert_eq!(echo.name(), "n1");
        }
    }

    #[test]
    fn a_changed_a_missing_and_an_extra_byte_are_found() {
        let pattern = Pattern::new();
        let (_, bytes) = spoken(&pattern);
        let mut changed = bytes.clone();
        changed[150_000] ^= 1;
        let missing = [&bytes[..99_999], &bytes[100_000..]].concat();
        let extra = [bytes.as_slice(), b"x"].concat();
        for wrong in [changed, missing, extra] {
            let (mut echo, _) = spoken(&pattern);
            assert_eq!(echo.take(&[b"n1\n", wrong.as_slice()].concat(), &pattern), Err(Mismatch));
        }
    }

    #[test]
    fn an_answer_to_what_was_not_asked_is_found() {
        let pattern = Pattern::new();
        let mut echo = Echo::new(3, 10);
        assert_eq!(echo.take(&[b"n1\n", pattern.at(3, 0, 10)].concat(), &pattern), Err(Mismatch));
    }
}
