//! Node names and the numbers that a table has for them. A name's place in the list is its number; in the
//! file it is a record: its length, its letters, and zeros up to the length. One that begins with zero is
//! nobody's, and its number and room are there to be given away.
//!
//! Entries name their nodes by number, so what is read after `kill -9` must be the names as they were at
//! some moment: a record counts once it is wholly there, and of one that is given away the first letter
//! goes first and comes last.

use std::collections::HashMap;
use std::sync::atomic::{Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Weak};

use protobalance_core::affinity::{NO_ID, NodeIds};

use super::{HEADER_WORDS, Mapping, NAME_BYTES, NAME_WORDS, word};

/// The longest name, which the configuration's rules keep well below.
const LONGEST: usize = 255;
/// Records of a few sizes are given away more easily.
const ROUNDED_TO: usize = 8;

/// One number's place in the file, and whose it is.
#[derive(Debug)]
pub(super) struct Record {
    /// Of its length byte.
    at: usize,
    room: usize,
    name: Option<Box<str>>,
}

#[derive(Debug)]
pub(super) struct Names {
    records: Vec<Record>,
    numbers: HashMap<Box<str>, u16>,
    /// Numbers that are nobody's.
    free: Vec<u16>,
    file: Option<Arc<Mapping>>,
    /// The numbers that plans were given; those alive have plans that live.
    lent: Vec<Weak<NodeIds>>,
}

impl Names {
    pub(super) fn new(records: Vec<Record>, file: Option<Arc<Mapping>>) -> Names {
        let numbered = || (0..NO_ID).zip(&records);
        let numbers = numbered().filter_map(|(id, record)| Some((record.name.clone()?, id))).collect();
        let free = numbered().filter(|(_, record)| record.name.is_none()).map(|(id, _)| id).collect();
        Names { records, numbers, free, file, lent: Vec::new() }
    }

    pub(super) fn file(&self) -> Option<&Arc<Mapping>> {
        self.file.as_ref()
    }

    /// The names' numbers, new ones where they are new, and how many of them got none.
    pub(super) fn ids(&mut self, names: &[&str]) -> (Vec<u16>, usize) {
        let ids: Vec<u16> = names.iter().map(|name| self.id(name).unwrap_or(NO_ID)).collect();
        let unnamed = ids.iter().filter(|id| **id == NO_ID).count();
        (ids, unnamed)
    }

    pub(super) fn lend(&mut self, ids: Vec<u16>) -> Arc<NodeIds> {
        let ids = NodeIds::shared(ids);
        self.lent.retain(|lent| lent.strong_count() > 0);
        self.lent.push(Arc::downgrade(&ids));
        ids
    }

    /// Takes the names away that no plan alive has and that are not `referred` to.
    pub(super) fn drop_unless(&mut self, referred: &[bool]) {
        let mut held = referred.to_vec();
        for id in self.lent.iter().filter_map(Weak::upgrade).flat_map(|lent| lent.all().collect::<Vec<_>>()) {
            held[usize::from(id)] = true;
        }
        for (id, record) in (0..NO_ID).zip(&mut self.records).filter(|(id, _)| !held[usize::from(*id)]) {
            let Some(name) = record.name.take() else { continue };
            self.numbers.remove(&name);
            self.free.push(id);
            if let Some(file) = &self.file {
                file.store(record.at + 1, 0);
            }
        }
    }

    fn id(&mut self, name: &str) -> Option<u16> {
        if let Some(id) = self.numbers.get(name) {
            return Some(*id);
        }
        if name.is_empty() || name.len() > LONGEST || name.contains('\0') {
            return None;
        }
        let id = self.given_away(name).or_else(|| self.append(name))?;
        self.numbers.insert(name.into(), id);
        Some(id)
    }

    /// The smallest record that is nobody's and large enough.
    fn given_away(&mut self, name: &str) -> Option<u16> {
        let rooms = self.free.iter().map(|id| self.records[usize::from(*id)].room).enumerate();
        let (place, _) = rooms.filter(|(_, room)| *room >= name.len()).min_by_key(|(_, room)| *room)?;
        let id = self.free.swap_remove(place);
        let record = &mut self.records[usize::from(id)];
        record.name = Some(name.into());
        if let Some(file) = &self.file {
            let letters = name.bytes().chain(std::iter::repeat(0)).take(record.room);
            for (place, letter) in (record.at + 1..).zip(letters).skip(1) {
                file.store(place, letter);
            }
            file.store(record.at + 1, name.as_bytes()[0]);
        }
        Some(id)
    }

    fn append(&mut self, name: &str) -> Option<u16> {
        let at = self.records.last().map_or(0, |last| last.at + 1 + last.room);
        let room = ((1 + name.len()).next_multiple_of(ROUNDED_TO) - 1).min(LONGEST);
        let id = u16::try_from(self.records.len()).ok().filter(|id| *id != NO_ID)?;
        if at + 1 + room > NAME_BYTES {
            return None;
        }
        if let Some(file) = &self.file {
            let letters = name.bytes().chain(std::iter::repeat(0)).take(room);
            for (place, byte) in (at..).zip(std::iter::once(room as u8).chain(letters)) {
                file.store(place, byte);
            }
            file.words[word::NAMES].store(u64::from(id) + 1, Release);
        }
        self.records.push(Record { at, room, name: Some(name.into()) });
        Some(id)
    }
}

impl Mapping {
    /// One byte of the names. There is one writer.
    fn store(&self, place: usize, byte: u8) {
        let word = &self.words[HEADER_WORDS + place / 8];
        let mut whole = word.load(Relaxed).to_ne_bytes();
        whole[place % 8] = byte;
        word.store(u64::from_ne_bytes(whole), Release);
    }
}

/// The names in a file; `None` if they are not all such as we write them: a list that is not whole would
/// send clients to others' homes.
pub(super) fn read(mapping: &Mapping) -> Option<Vec<Record>> {
    let count = mapping.words[word::NAMES].load(Relaxed);
    let words = &mapping.words[HEADER_WORDS..HEADER_WORDS + NAME_WORDS];
    let region: Vec<u8> = words.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect();
    let (mut records, mut at) = (Vec::new(), 0);
    for _ in 0..count {
        let room = usize::from(*region.get(at)?);
        let letters = region.get(at + 1..at + 1 + room)?;
        if room == 0 || records.len() >= usize::from(NO_ID) {
            return None;
        }
        let name = match letters[0] {
            0 => None,
            _ => Some(std::str::from_utf8(letters).ok()?.trim_end_matches('\0').into()),
        };
        records.push(Record { at, room, name });
        at += 1 + room;
    }
    Some(records)
}
