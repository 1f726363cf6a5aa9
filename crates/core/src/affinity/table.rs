//! The table: law, a reader gets the node that was written for its client, or nothing.
//!
//! A client has two buckets of eight slots; a new one goes to the bucket with more room (the power
//! of two choices fills a table of half as many clients as slots without losing one). If both are
//! full, the longest unseen of the sixteen makes room. A slot is two words, tag and value:
//!
//! * tag: the client's keyed fingerprint;
//! * value: node number (16 bits), check of tag and the rest (16), last seen in Unix seconds (32).
//!
//! A writer first makes the value a reservation, then writes the tag, then the value, and a reader
//! looks at the value before and after the tag. The check catches what no order of writes can: a file
//! that was damaged while nobody looked.
//!
//! A reservation names the node and a part of the tag. So of two workers that give one new client a
//! home at once, the second sees the first's before it can be read, and there is one home.

use std::fmt;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use crate::hash::{self, ClientKey, Key};

/// Where a table lives. The engine maps a file, so that entries survive the process.
pub trait Memory: Send + Sync {
    /// All of it, always the same; see `words_for`.
    fn words(&self) -> &[AtomicU64];
}

impl Memory for Box<[AtomicU64]> {
    fn words(&self) -> &[AtomicU64] {
        self
    }
}

const WORDS_PER_SLOT: usize = 2;
const SLOTS_PER_BUCKET: usize = 8;
const BUCKET: usize = WORDS_PER_SLOT * SLOTS_PER_BUCKET;

const EMPTY: u64 = 0;
/// Being written, for a client whose tag begins like this. Like `EMPTY` it was never seen, so no valid
/// value equals it.
const RESERVED: u64 = 1 << 47;

/// How often a writer that others got in the way of starts again. Each start means that another
/// writer succeeded or is about to, so this bounds the time, not the chance.
const ATTEMPTS: usize = 64;

/// Slots so that `capacity` clients are all kept.
#[must_use]
pub fn slots_for(capacity: u64) -> u64 {
    let buckets = capacity.saturating_mul(2).div_ceil(SLOTS_PER_BUCKET as u64);
    buckets.max(2).saturating_mul(SLOTS_PER_BUCKET as u64)
}

/// 64-bit words of memory so that `capacity` clients are all kept.
#[must_use]
pub fn words_for(capacity: u64) -> u64 {
    slots_for(capacity).saturating_mul(WORDS_PER_SLOT as u64)
}

/// Which node each client belongs to; one per cluster, alive across plans.
pub struct Table {
    memory: Box<dyn Memory>,
    key: Key,
    clients: AtomicUsize,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("clients", &self.len()).finish_non_exhaustive()
    }
}

/// One slot as a reader sees it.
#[derive(Clone, Copy)]
struct Slot<'a> {
    tag: &'a AtomicU64,
    value: &'a AtomicU64,
}

/// A client's fingerprint and its two buckets.
struct Place {
    tag: u64,
    buckets: [usize; 2],
}

/// The sixteen slots of a client as a writer found them.
struct Survey<'a> {
    /// The client's own slot.
    own: Option<(Slot<'a>, u64)>,
    /// The home that another worker is just writing for it.
    coming: Option<u16>,
    /// Where it would go otherwise.
    room: Option<(Slot<'a>, u64)>,
}

impl Table {
    /// A table over what `memory` holds: zeros, or what an earlier table with the same key left
    /// there. What is torn or damaged is cleared. Words that fill no bucket are left alone.
    #[must_use]
    pub fn new(memory: Box<dyn Memory>, key: Key) -> Table {
        let table = Table { memory, key, clients: AtomicUsize::new(0) };
        let mut clients = 0;
        for slot in table.every_slot() {
            let value = slot.value.load(Relaxed);
            if is_valid(slot.tag.load(Relaxed), value) {
                clients += 1;
            } else if value != EMPTY {
                slot.value.store(EMPTY, Relaxed);
            }
        }
        table.clients.store(clients, Relaxed);
        table
    }

    /// Forgets the clients that were unseen for more than `idle` seconds, and tells the node number of every
    /// other. What is written meanwhile may be missed.
    pub fn sweep(&self, unix_now: u32, idle: u32, mut refers_to: impl FnMut(u16)) {
        for slot in self.every_slot() {
            match slot.value.load(Acquire) {
                EMPTY => {}
                value
                    if !is_reserved(value) && !is_alive(value, unix_now, idle) && self.clear(slot, value) => {
                }
                value => refers_to(node_of(value)),
            }
        }
    }

    /// A table in ordinary memory.
    #[must_use]
    pub fn in_memory(capacity: u64, key: Key) -> Table {
        let words: Box<[AtomicU64]> = (0..words_for(capacity)).map(|_| AtomicU64::new(EMPTY)).collect();
        Table::new(Box::new(words), key)
    }

    /// Clients in the table, expired ones that nobody has replaced yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.load(Relaxed)
    }

    /// Whether it holds no client.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The client's node number, unless the client was unseen for more than `idle` seconds.
    #[must_use]
    pub fn get(&self, client: ClientKey, unix_now: u32, idle: u32) -> Option<u16> {
        let place = self.place(client)?;
        self.candidates(&place)
            .filter_map(|slot| slot.read(place.tag))
            .find(|value| is_alive(*value, unix_now, idle))
            .map(node_of)
    }

    /// Gives the client to a node, seen now. Writes nothing if the slot says so already.
    pub fn put(&self, client: ClientKey, node: u16, unix_now: u32, idle: u32) {
        self.settle(client, node, unix_now, idle, |_| true);
    }

    /// Gives the client to a node, seen now, unless it has a home that `may_replace` holds on to.
    /// The home it has then: the same for all who ask at once.
    pub fn settle(
        &self,
        client: ClientKey,
        node: u16,
        unix_now: u32,
        idle: u32,
        may_replace: impl Fn(u16) -> bool,
    ) -> u16 {
        let Some(place) = self.place(client) else { return node };
        let value = encode(place.tag, node, unix_now);
        let mut coming = None;
        for _ in 0..ATTEMPTS {
            let survey = self.survey(&place, unix_now, idle);
            coming = survey.coming;
            let written = match (survey.own, survey.room) {
                (Some((_, old)), _) if is_alive(old, unix_now, idle) && !may_replace(node_of(old)) => {
                    return node_of(old);
                }
                (Some((slot, old)), _) => slot.update(old, value),
                (None, _) if coming.is_some() => false,
                (None, Some((slot, old))) => self.occupy(slot, old, place.tag, value),
                (None, None) => false,
            };
            if written {
                return node;
            }
            std::hint::spin_loop();
        }
        // Its writer was stopped between two stores, and goes on to write this.
        coming.filter(|home| !may_replace(*home)).unwrap_or(node)
    }

    /// The client's node number as [`Table::get`] has it, and the client was seen now.
    pub fn visit(&self, client: ClientKey, unix_now: u32, idle: u32) -> Option<u16> {
        let place = self.place(client)?;
        let whole = |slot: Slot<'_>| slot.read(place.tag).is_some_and(|old| is_alive(old, unix_now, idle));
        let slot = self.candidates(&place).find(|slot| whole(*slot))?;
        let old = slot.read(place.tag)?;
        // Losing to another writer is as good: it has just seen the client, or evicted it.
        let _ = slot.update(old, encode(place.tag, node_of(old), unix_now));
        Some(node_of(old))
    }

    /// Forgets the client. True if it was known.
    pub fn forget(&self, client: ClientKey) -> bool {
        let Some(place) = self.place(client) else { return false };
        let mut known = false;
        for slot in self.candidates(&place) {
            while let Some(value) = slot.read(place.tag) {
                known |= self.clear(slot, value);
            }
        }
        known
    }

    /// The longest unseen first, an empty slot before all; a second copy of the client, which two
    /// workers may have made at once, is cleared on the way.
    fn survey(&self, place: &Place, unix_now: u32, idle: u32) -> Survey<'_> {
        let mut own: Option<(Slot<'_>, u64)> = None;
        let mut coming = None;
        let mut rooms = [None::<(Slot<'_>, u64)>; 2];
        let mut alive = [0; 2];
        for (nth, slot) in self.candidates(place).enumerate() {
            let bucket = nth / SLOTS_PER_BUCKET;
            let value = slot.value.load(Acquire);
            // Its client may have moved since: still its slot.
            if let Some(value) = slot.read(place.tag) {
                match own {
                    None => own = Some((slot, value)),
                    Some(_) => _ = self.clear(slot, value),
                }
            }
            if value == reservation(place.tag, node_of(value)) {
                coming = Some(node_of(value));
            }
            alive[bucket] += usize::from(is_reserved(value) || is_alive(value, unix_now, idle));
            if !is_reserved(value) && rooms[bucket].is_none_or(|(_, least)| seen_at(value) < seen_at(least)) {
                rooms[bucket] = Some((slot, value));
            }
        }
        let [first, second] = rooms;
        let both_full = alive == [SLOTS_PER_BUCKET; 2];
        let second_is_better = match (first, second) {
            (Some((_, one)), Some((_, other))) if both_full => seen_at(other) < seen_at(one),
            (Some(_), Some(_)) => alive[1] < alive[0],
            (one, _) => one.is_none(),
        };
        Survey { own, coming, room: if second_is_better { second } else { first } }
    }

    fn occupy(&self, slot: Slot<'_>, old: u64, tag: u64, value: u64) -> bool {
        if slot.value.compare_exchange(old, reservation(tag, node_of(value)), Acquire, Relaxed).is_err() {
            return false;
        }
        fence(Release);
        slot.tag.store(tag, Relaxed);
        slot.value.store(value, Release);
        if old == EMPTY {
            self.clients.fetch_add(1, Relaxed);
        }
        true
    }

    fn clear(&self, slot: Slot<'_>, value: u64) -> bool {
        let cleared = slot.value.compare_exchange(value, EMPTY, Relaxed, Relaxed).is_ok();
        if cleared {
            self.clients.fetch_sub(1, Relaxed);
        }
        cleared
    }

    fn place(&self, client: ClientKey) -> Option<Place> {
        let count = (self.memory.words().len() / BUCKET) as u64;
        let tag = client.digest(&self.key);
        let first = hash::below(hash::mix(tag), count.max(1));
        let second = hash::below(hash::mix(!tag), count.saturating_sub(1));
        // The second is another one than the first: counted among the rest.
        let second = second + u64::from(second >= first);
        (count > 1).then_some(Place { tag, buckets: [first as usize, second as usize] })
    }

    fn candidates(&self, place: &Place) -> impl Iterator<Item = Slot<'_>> {
        let [first, second] = place.buckets.map(|bucket| bucket * BUCKET);
        self.slots(first, first + BUCKET).chain(self.slots(second, second + BUCKET))
    }

    fn every_slot(&self) -> impl Iterator<Item = Slot<'_>> {
        self.slots(0, self.memory.words().len() / BUCKET * BUCKET)
    }

    fn slots(&self, from: usize, to: usize) -> impl Iterator<Item = Slot<'_>> {
        self.memory.words()[from..to]
            .chunks_exact(WORDS_PER_SLOT)
            .map(|words| Slot { tag: &words[0], value: &words[1] })
    }
}

impl Slot<'_> {
    /// The value, if the slot is whole and the tag's.
    fn read(self, tag: u64) -> Option<u64> {
        let mut value = self.value.load(Acquire);
        for _ in 0..ATTEMPTS {
            if self.tag.load(Relaxed) != tag {
                return None;
            }
            fence(Acquire);
            match self.value.load(Acquire) {
                same if same == value => return is_valid(tag, value).then_some(value),
                // Its client was seen or has moved meanwhile.
                newer => value = newer,
            }
        }
        None
    }

    fn update(self, old: u64, new: u64) -> bool {
        // Read first: on the way of every session, and a shared line is dear to write.
        old == new || self.value.compare_exchange(old, new, Release, Relaxed).is_ok()
    }
}

fn encode(tag: u64, node: u16, seen: u32) -> u64 {
    // Zero is kept for "never seen"; the first second of 1970 can bear it.
    let seen = seen.max(1);
    u64::from(node) << 48 | check(tag, node, seen) << 32 | u64::from(seen)
}

fn reservation(tag: u64, node: u16) -> u64 {
    u64::from(node) << 48 | RESERVED | (tag >> 49) << 32
}

fn is_reserved(value: u64) -> bool {
    value != EMPTY && seen_at(value) == 0
}

fn check(tag: u64, node: u16, seen: u32) -> u64 {
    hash::mix(tag ^ hash::mix(u64::from(node) << 32 | u64::from(seen))) >> 48
}

fn is_valid(tag: u64, value: u64) -> bool {
    seen_at(value) != 0 && value == encode(tag, node_of(value), seen_at(value))
}

fn is_alive(value: u64, unix_now: u32, idle: u32) -> bool {
    seen_at(value) != 0 && unix_now.saturating_sub(seen_at(value)) <= idle
}

fn seen_at(value: u64) -> u32 {
    value as u32
}

fn node_of(value: u64) -> u16 {
    (value >> 48) as u16
}
