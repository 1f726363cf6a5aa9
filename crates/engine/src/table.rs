//! A worker's sessions by key. Keys are reused; an epoch tells the events of an earlier holder apart.

use crate::pair::Pair;

#[derive(Debug)]
enum Slot {
    Free { next: u32 },
    Taken(Box<Pair>),
}

#[derive(Debug)]
struct Entry {
    epoch: u32,
    slot: Slot,
}

/// Sessions by key.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: Vec<Entry>,
    free: Option<u32>,
    len: usize,
}

const END: u32 = u32::MAX;

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Keeps the session; its key and epoch.
    pub(crate) fn insert(&mut self, pair: Pair) -> u32 {
        self.len += 1;
        let pair = Slot::Taken(Box::new(pair));
        match self.free {
            Some(key) => {
                let entry = &mut self.entries[key as usize];
                if let Slot::Free { next } = std::mem::replace(&mut entry.slot, pair) {
                    self.free = (next != END).then_some(next);
                }
                key
            }
            None => {
                self.entries.push(Entry { epoch: 0, slot: pair });
                (self.entries.len() - 1) as u32
            }
        }
    }

    /// Which holder of the key is the present one.
    pub(crate) fn epoch(&self, key: u32) -> u32 {
        self.entries.get(key as usize).map_or(0, |entry| entry.epoch)
    }

    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Pair> {
        match self.entries.get_mut(key as usize) {
            Some(Entry { slot: Slot::Taken(pair), .. }) => Some(pair),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: u32) -> Option<Box<Pair>> {
        let next = self.free.unwrap_or(END);
        let entry =
            self.entries.get_mut(key as usize).filter(|entry| matches!(entry.slot, Slot::Taken(_)))?;
        let Slot::Taken(pair) = std::mem::replace(&mut entry.slot, Slot::Free { next }) else { return None };
        entry.epoch = entry.epoch.wrapping_add(1) & EPOCH_MASK;
        self.free = Some(key);
        self.len -= 1;
        if self.len == 0 {
            self.release();
        }
        Some(pair)
    }

    pub(crate) fn keys(&self) -> Vec<u32> {
        self.iter().map(|(key, _)| key).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Pair)> {
        self.entries.iter().enumerate().filter_map(|(key, entry)| match &entry.slot {
            Slot::Taken(pair) => Some((key as u32, &**pair)),
            Slot::Free { .. } => None,
        })
    }

    /// The last session went: gives large memory back. Epochs restart, which is safe because no
    /// session is left whose events could be mistaken.
    fn release(&mut self) {
        const KEPT: usize = 1024;
        if self.entries.len() > KEPT {
            self.entries = Vec::new();
            self.free = None;
        }
    }
}

/// Epochs fit beside a key in an event's 64 bits.
pub(crate) const EPOCH_MASK: u32 = 0x000F_FFFF;
