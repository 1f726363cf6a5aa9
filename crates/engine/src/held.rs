//! Bytes that were read and that the sink would not take yet.
//!
//! A few are kept in ordinary memory. Many get pages of their own, so that a crowd of stalled readers
//! leaves nothing behind when it has gone: an allocator would keep what it once gave out.

use crate::sys::MappedBytes;

/// From here on bytes get pages of their own: larger than what a stalled session reads at once.
const MANY: usize = 32 * 1024;

#[derive(Debug)]
enum Store {
    Few(Vec<u8>),
    Many(MappedBytes),
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

    pub(crate) fn len(&self) -> usize {
        self.rest().len()
    }

    /// Everything that still waits.
    pub(crate) fn rest(&self) -> &[u8] {
        match &self.store {
            Store::Few(bytes) => &bytes[self.sent..],
            Store::Many(bytes) => &bytes[self.sent..],
        }
    }

    /// Whether the last byte is urgent.
    pub(crate) fn ends_urgent(&self) -> bool {
        self.urgent
    }

    /// What is to be sent next, and whether it is the urgent byte, which goes alone.
    pub(crate) fn next(&self) -> (&[u8], bool) {
        match self.rest() {
            rest @ ([] | [_]) => (rest, self.urgent),
            rest => (&rest[..rest.len() - usize::from(self.urgent)], false),
        }
    }

    /// Notes that the sink took so many bytes of what was next.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, MANY};

    #[test]
    fn the_urgent_byte_goes_last_and_alone() {
        for before in [0, 2, MANY] {
            let mut bytes = vec![b'.'; before];
            bytes.push(b'!');
            let mut held = Held::new(&bytes, true);
            if before > 0 {
                assert_eq!(held.next(), (&bytes[..before], false));
                held.sent(before);
            }
            assert_eq!(held.next(), (&b"!"[..], true));
            held.sent(1);
            assert_eq!(held.len(), 0);
        }
    }
}
