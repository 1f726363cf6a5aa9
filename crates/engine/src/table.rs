//! A worker's sessions by key. Keys are reused; an epoch tells the events of an earlier holder apart.

use crate::pair::Pair;

#[derive(Debug)]
enum Slot<P> {
    Free { next: u32 },
    Taken(Box<P>),
}

#[derive(Debug)]
struct Entry<P> {
    epoch: u32,
    slot: Slot<P>,
}

/// Sessions by key.
#[derive(Debug)]
pub(crate) struct Table<P = Pair> {
    entries: Vec<Entry<P>>,
    free: Option<u32>,
    len: usize,
    /// The last epoch given out. One count for all keys: what a released table has given out, the
    /// next one does not give again while events of it may still be under way.
    epoch: u32,
}

const END: u32 = u32::MAX;

impl<P> Default for Table<P> {
    fn default() -> Self {
        Table { entries: Vec::new(), free: None, len: 0, epoch: 0 }
    }
}

impl<P> Table<P> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Keeps the session; its key and epoch.
    pub(crate) fn insert(&mut self, pair: P) -> u32 {
        self.len += 1;
        self.epoch = self.epoch.wrapping_add(1) & EPOCH_MASK;
        let pair = Slot::Taken(Box::new(pair));
        match self.free {
            Some(key) => {
                let entry = &mut self.entries[key as usize];
                entry.epoch = self.epoch;
                if let Slot::Free { next } = std::mem::replace(&mut entry.slot, pair) {
                    self.free = (next != END).then_some(next);
                }
                key
            }
            None => {
                self.entries.push(Entry { epoch: self.epoch, slot: pair });
                (self.entries.len() - 1) as u32
            }
        }
    }

    /// Which holder of the key is the present one.
    pub(crate) fn epoch(&self, key: u32) -> u32 {
        self.entries.get(key as usize).map_or(0, |entry| entry.epoch)
    }

    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut P> {
        match self.entries.get_mut(key as usize) {
            Some(Entry { slot: Slot::Taken(pair), .. }) => Some(pair),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: u32) -> Option<Box<P>> {
        let next = self.free.unwrap_or(END);
        let entry =
            self.entries.get_mut(key as usize).filter(|entry| matches!(entry.slot, Slot::Taken(_)))?;
        let Slot::Taken(pair) = std::mem::replace(&mut entry.slot, Slot::Free { next }) else { return None };
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &P)> {
        self.entries.iter().enumerate().filter_map(|(key, entry)| match &entry.slot {
            Slot::Taken(pair) => Some((key as u32, &**pair)),
            Slot::Free { .. } => None,
        })
    }

    /// The last session went: gives large memory back.
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

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn no_holder_of_a_key_is_taken_for_an_earlier_one() {
        let mut table: Table<()> = Table::default();
        let mut seen = std::collections::HashSet::new();
        for crowd in [1, 5000, 3, 1] {
            let keys: Vec<u32> = (0..crowd).map(|_| table.insert(())).collect();
            assert!(keys.iter().all(|key| seen.insert((*key, table.epoch(*key)))), "{crowd}");
            assert_eq!((table.len(), table.keys().len()), (crowd, crowd));
            assert!(keys.iter().all(|key| table.remove(*key).is_some() && table.get_mut(*key).is_none()));
        }
        assert_eq!(table.len(), 0);
    }
}
