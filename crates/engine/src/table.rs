//! A worker's sessions by key. Keys are reused; an epoch tells the events of an earlier holder apart.

use crate::pair::Pair;

#[derive(Debug)]
struct Entry<P> {
    pair: Option<Box<P>>,
    epoch: u32,
    /// The next free key, while this one is.
    next: u32,
}

/// Sessions by key.
#[derive(Debug)]
pub(crate) struct Table<P = Pair> {
    entries: Vec<Entry<P>>,
    free: Option<u32>,
    len: usize,
    /// The most there were since that was last forgotten.
    peak: usize,
    /// The last epoch given out. One count for all keys: what a released table has given out, the
    /// next one does not give again while events of it may still be under way.
    epoch: u32,
}

const END: u32 = u32::MAX;
/// So many are a crowd: what fewer leave behind will be used again.
const CROWD: usize = 1024;

impl<P> Default for Table<P> {
    fn default() -> Self {
        Table { entries: Vec::new(), free: None, len: 0, peak: 0, epoch: 0 }
    }
}

impl<P> Table<P> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Keeps the session; its key.
    pub(crate) fn insert(&mut self, pair: P) -> u32 {
        self.len += 1;
        self.peak = self.peak.max(self.len);
        self.epoch = self.epoch.wrapping_add(1) & EPOCH_MASK;
        let (pair, epoch) = (Some(Box::new(pair)), self.epoch);
        match self.free {
            Some(key) => {
                let entry = &mut self.entries[key as usize];
                self.free = (entry.next != END).then_some(entry.next);
                *entry = Entry { pair, epoch, next: END };
                key
            }
            None => {
                grow(&mut self.entries);
                self.entries.push(Entry { pair, epoch, next: END });
                (self.entries.len() - 1) as u32
            }
        }
    }

    /// Which holder of the key is the present one.
    pub(crate) fn epoch(&self, key: u32) -> u32 {
        self.entries.get(key as usize).map_or(0, |entry| entry.epoch)
    }

    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut P> {
        self.entries.get_mut(key as usize)?.pair.as_deref_mut()
    }

    pub(crate) fn remove(&mut self, key: u32) -> Option<Box<P>> {
        let entry = self.entries.get_mut(key as usize)?;
        let pair = entry.pair.take()?;
        entry.next = self.free.unwrap_or(END);
        self.free = Some(key);
        self.len -= 1;
        if self.len == 0 && self.entries.len() >= CROWD {
            self.entries = Vec::new();
            self.free = None;
        }
        Some(pair)
    }

    pub(crate) fn keys(&self) -> Vec<u32> {
        self.iter().map(|(key, _)| key).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &P)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(key, entry)| Some((key as u32, entry.pair.as_deref()?)))
    }

    /// Whether a crowd has gone, half of it at least: it has left memory that nobody uses.
    pub(crate) fn has_ebbed(&self) -> bool {
        self.peak >= CROWD && self.len <= self.peak / 2
    }

    /// Counts the crowd from here.
    pub(crate) fn forget_crowd(&mut self) {
        self.peak = self.len;
    }
}

/// Makes room by a quarter where there is none: twice as much, as vectors have it, is much to leave unused.
pub(crate) fn grow<T>(entries: &mut Vec<T>) {
    if entries.len() == entries.capacity() {
        entries.reserve_exact((entries.len() / 4).max(64));
    }
}

/// Epochs fit beside a key in an event's 64 bits.
pub(crate) const EPOCH_MASK: u32 = 0x000F_FFFF;

#[cfg(test)]
mod tests {
    use super::{CROWD, Table};

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

    #[test]
    fn a_crowd_is_missed_once_and_a_few_never() {
        let mut table: Table<()> = Table::default();
        for (size, stay, missed) in
            [(CROWD - 1, 0, false), (CROWD, CROWD / 2 + 1, false), (CROWD, CROWD / 2, true)]
        {
            let keys: Vec<u32> = (0..size).map(|_| table.insert(())).collect();
            keys[stay..].iter().for_each(|key| drop(table.remove(*key)));
            assert_eq!(table.has_ebbed(), missed, "{stay} of {size}");
            table.forget_crowd();
            assert!(!table.has_ebbed());
            keys[..stay].iter().for_each(|key| drop(table.remove(*key)));
        }
    }
}
