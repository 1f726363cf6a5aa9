//! Bytes that were taken from a source and that the sink would not take yet.
//!
//! What came through a pipe stays in it. Of what was read, a few are kept in ordinary memory. Many get pages of
//! their own, so that a crowd of stalled readers leaves nothing behind when it has gone: an allocator would keep
//! what it once gave out.

use crate::relay::Pipe;
use crate::sys::MappedBytes;

/// From here on bytes get pages of their own: larger than what a stalled session reads at once.
const MANY: usize = 32 * 1024;

#[derive(Debug)]
enum Store {
    Few(Vec<u8>),
    Many(MappedBytes),
    InPipe(Pipe),
}

/// What is to go next.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// Bytes; the urgent one goes alone.
    Read {
        bytes: &'a [u8],
        urgent: bool,
    },
    InPipe(&'a mut Pipe),
}

/// What waits for a sink, in order; its last byte may be urgent.
#[derive(Debug)]
pub(crate) struct Held {
    store: Store,
    sent: usize,
    urgent: bool,
}

impl Held {
    pub(crate) fn new(bytes: &[u8], urgent: bool) -> Held {
        let few = || Store::Few(bytes.to_vec());
        let store = if bytes.len() < MANY {
            few()
        } else {
            MappedBytes::copy_of(bytes).map_or_else(|_| few(), Store::Many)
        };
        Held { store, sent: 0, urgent }
    }

    /// What was not read; never urgent.
    pub(crate) fn in_pipe(pipe: Pipe) -> Held {
        Held { store: Store::InPipe(pipe), sent: 0, urgent: false }
    }

    /// The pipe it was in, if it was in one.
    pub(crate) fn into_pipe(self) -> Option<Pipe> {
        match self.store {
            Store::InPipe(pipe) => Some(pipe),
            Store::Few(_) | Store::Many(_) => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.store {
            Store::InPipe(pipe) => pipe.holds(),
            Store::Few(_) | Store::Many(_) => self.rest().len(),
        }
    }

    /// Everything that was read and still waits.
    pub(crate) fn rest(&self) -> &[u8] {
        match &self.store {
            Store::Few(bytes) => &bytes[self.sent..],
            Store::Many(bytes) => &bytes[self.sent..],
            Store::InPipe(_) => &[],
        }
    }

    /// Whether the last byte is urgent.
    pub(crate) fn ends_urgent(&self) -> bool {
        self.urgent
    }

    /// What is to be sent next.
    pub(crate) fn next(&mut self) -> Next<'_> {
        let rest = match &mut self.store {
            Store::InPipe(pipe) => return Next::InPipe(pipe),
            Store::Few(bytes) => &bytes[self.sent..],
            Store::Many(bytes) => &bytes[self.sent..],
        };
        match rest {
            [] | [_] => Next::Read { bytes: rest, urgent: self.urgent },
            _ => Next::Read { bytes: &rest[..rest.len() - usize::from(self.urgent)], urgent: false },
        }
    }

    /// Notes that the sink took so many of the bytes that were next. A pipe knows by itself.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, MANY, Next};

    fn next(held: &mut Held) -> (&[u8], bool) {
        match held.next() {
            Next::Read { bytes, urgent } => (bytes, urgent),
            Next::InPipe(_) => panic!("nothing is in a pipe"),
        }
    }

    #[test]
    fn the_urgent_byte_goes_last_and_alone() {
        for before in [0, 2, MANY] {
            let mut bytes = vec![b'.'; before];
            bytes.push(b'!');
            let mut held = Held::new(&bytes, true);
            if before > 0 {
                assert_eq!(next(&mut held), (&bytes[..before], false));
                held.sent(before);
            }
            assert_eq!(next(&mut held), (&b"!"[..], true));
            held.sent(1);
            assert_eq!(held.len(), 0);
        }
    }
}
