//! The table: law, a client is counted in one slot by all threads, its slot is nobody else's while it
//! has sessions, and memory and work per session are the same however many clients come.
//!
//! A client's fingerprint gives it one bucket: a word to claim the bucket by, a spare one, and fifteen
//! slots of two words, fingerprint and state. The state holds sessions open (20 bits) and the moment at
//! which the client's next session would be on time (44 bits of microseconds, around the clock every 203
//! days): the generic cell rate algorithm of `pace.rs`.
//!
//! A client that has a slot is counted by one exchange. A new one takes a slot that has no session, the
//! one least ahead of its rate, under the bucket's claim, so that two threads do not give one client two.
//! Where all slots have sessions, or another thread keeps the claim for long, the new one goes untracked:
//! let in, and counted as such.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::{Limits, Refusal};
use crate::affinity::Memory;
use crate::hash::{self, Key};
use crate::moment::Moment;

const SLOTS_PER_BUCKET: usize = 15;
const BUCKET: usize = 2 + 2 * SLOTS_PER_BUCKET;
/// So many slots for each session that may be open: a bucket full of clients with sessions is then rarer
/// than one in 100,000 even if every session is another client's.
const SLOTS_PER_SESSION: u64 = 4;
/// A 32-bit index reaches no further.
const MOST_BUCKETS: u64 = u32::MAX as u64 / BUCKET as u64;

const OPEN_BITS: u32 = 20;
const OPEN: u64 = (1 << OPEN_BITS) - 1;
const TIME: u64 = u64::MAX >> OPEN_BITS;
/// Being written; no state has so many sessions.
const BUSY: u64 = u64::MAX;
/// Tries of one who finds that others were faster.
const ATTEMPTS: usize = 256;

/// 64-bit words of memory for so many sessions.
#[must_use]
pub fn words_for(sessions: u64) -> u64 {
    let buckets = sessions.saturating_mul(SLOTS_PER_SESSION).div_ceil(SLOTS_PER_BUCKET as u64);
    buckets.clamp(1, MOST_BUCKETS) * BUCKET as u64
}

/// A tracked session's place in the table, to be given back once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(NonZeroU32);

/// What becomes of a client at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It may come in, and its session is counted.
    Tracked(Pass),
    /// It may come in, and no room was left to count it.
    Untracked,
    /// It may not.
    Refused(Refusal),
}

/// Sessions and rates by client, for all listeners and threads.
pub struct Table {
    memory: Box<dyn Memory>,
    key: Key,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("words", &self.memory.words().len()).finish_non_exhaustive()
    }
}

enum Sought {
    Found(Entry),
    Absent,
    /// It changed while it was looked at.
    Again,
}

impl Table {
    /// A table over `memory`, which is zero and has at least one bucket's words; see [`words_for`].
    #[must_use]
    pub fn new(memory: Box<dyn Memory>, key: Key) -> Table {
        Table { memory, key }
    }

    /// Counts one more session of the client, or says why not.
    #[must_use]
    pub fn enter(&self, client: IpAddr, limits: &Limits, now: Moment) -> Entry {
        let tag = limits.fingerprint(client, &self.key).max(1);
        let Some(bucket) = self.bucket(tag) else { return Entry::Untracked };
        for _ in 0..ATTEMPTS {
            match self.count(bucket, tag, limits, now) {
                Sought::Found(entry) => return entry,
                Sought::Again => {}
                Sought::Absent => {
                    if let Some(entry) = self.admit_new(bucket, tag, limits, now) {
                        return entry;
                    }
                }
            }
            std::hint::spin_loop();
        }
        Entry::Untracked
    }

    /// A session of the client's has ended.
    pub fn leave(&self, Pass(place): Pass) {
        if let Some(state) = self.memory.words().get(place.get() as usize) {
            state.fetch_sub(1, AcqRel);
        }
    }

    /// Sessions that are counted now, all clients together. Reads the whole table.
    #[must_use]
    pub fn open(&self) -> u64 {
        let words = self.memory.words();
        (0..words.len() / BUCKET)
            .flat_map(|bucket| states(bucket * BUCKET))
            .map(|place| words[place].load(Relaxed))
            .filter(|state| *state != BUSY)
            .map(|state| state & OPEN)
            .sum()
    }

    /// The first word of the fingerprint's bucket.
    fn bucket(&self, tag: u64) -> Option<usize> {
        let buckets = self.memory.words().len() / BUCKET;
        (buckets > 0).then(|| hash::below(hash::mix(tag), buckets as u64) as usize * BUCKET)
    }

    /// Counts a session for a client that has a slot.
    fn count(&self, bucket: usize, tag: u64, limits: &Limits, now: Moment) -> Sought {
        let words = self.memory.words();
        let Some(place) = states(bucket).find(|place| words[place - 1].load(Acquire) == tag) else {
            return Sought::Absent;
        };
        let before = words[place].load(Acquire);
        if before == BUSY {
            return Sought::Again;
        }
        let after = match step(before, limits, now) {
            Ok(after) => after,
            Err(entry) if words[place - 1].load(Acquire) == tag => return Sought::Found(entry),
            Err(_) => return Sought::Again,
        };
        if words[place].compare_exchange(before, after, AcqRel, Relaxed).is_err() {
            return Sought::Again;
        }
        // While it counts a session the slot keeps its client: if it is ours now, it stays ours.
        if words[place - 1].load(Acquire) == tag {
            return Sought::Found(tracked(place));
        }
        words[place].fetch_sub(1, AcqRel);
        Sought::Again
    }

    /// Gives a slot to a client that has none; `None` to look again.
    fn admit_new(&self, bucket: usize, tag: u64, limits: &Limits, now: Moment) -> Option<Entry> {
        let words = self.memory.words();
        words[bucket].compare_exchange(0, 1, Acquire, Relaxed).ok()?;
        let known = states(bucket).any(|place| words[place - 1].load(Acquire) == tag);
        let entry = if known { None } else { self.replace(bucket, tag, limits, now) };
        words[bucket].store(0, Release);
        entry
    }

    /// Under the bucket's claim: puts the client where one without sessions was.
    fn replace(&self, bucket: usize, tag: u64, limits: &Limits, now: Moment) -> Option<Entry> {
        let words = self.memory.words();
        let idle = states(bucket)
            .map(|place| (place, words[place].load(Acquire)))
            .filter(|(_, state)| state & OPEN == 0)
            // A slot that nobody had comes first, then those that would be on time, then the least early.
            .min_by_key(|(place, state)| (words[place - 1].load(Relaxed) != 0, ahead(*state, now)));
        let Some((place, before)) = idle else { return Some(Entry::Untracked) };
        words[place].compare_exchange(before, BUSY, AcqRel, Relaxed).ok()?;
        words[place - 1].store(tag, Release);
        let fresh = (now.0 & TIME) << OPEN_BITS;
        let state = step(fresh, limits, now).unwrap_or(fresh | 1);
        words[place].store(state, Release);
        Some(tracked(place))
    }
}

/// The places of a bucket's states; each stands behind its fingerprint.
fn states(bucket: usize) -> impl Iterator<Item = usize> {
    (0..SLOTS_PER_BUCKET).map(move |slot| bucket + 3 + 2 * slot)
}

fn tracked(place: usize) -> Entry {
    u32::try_from(place)
        .ok()
        .and_then(NonZeroU32::new)
        .map_or(Entry::Untracked, |place| Entry::Tracked(Pass(place)))
}

/// The state with one more session.
fn step(state: u64, limits: &Limits, now: Moment) -> Result<u64, Entry> {
    let open = state & OPEN;
    if limits.max_sessions > 0 && open >= u64::from(limits.max_sessions) {
        return Err(Entry::Refused(Refusal::Sessions));
    }
    if open + 1 >= OPEN {
        return Err(Entry::Untracked);
    }
    // Further ahead than these limits can have put it, it comes from before the clock went around, or
    // from limits that were stricter.
    let early = Some(ahead(state, now)).filter(|early| *early <= limits.tolerance + limits.interval);
    let early = early.unwrap_or(0);
    if limits.interval > 0 && early > limits.tolerance {
        return Err(Entry::Refused(Refusal::Rate));
    }
    let next = now.0.wrapping_add(early).wrapping_add(limits.interval) & TIME;
    Ok(next << OPEN_BITS | (open + 1))
}

/// Microseconds until the next session would be on time; 0 if it is.
fn ahead(state: u64, now: Moment) -> u64 {
    let ahead = (state >> OPEN_BITS).wrapping_sub(now.0) & TIME;
    if ahead > TIME / 2 { 0 } else { ahead }
}
