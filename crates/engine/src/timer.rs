//! A worker's timer: one entry per session, armed and disarmed in constant time, nothing left behind.
//!
//! A wheel of slots, each a doubly linked list through an array indexed by session key. A deadline
//! beyond the wheel's span waits in its last slot and is looked at again from there.

use std::time::Duration;

use protobalance_core::moment::Moment;

use crate::table::grow;

const SLOTS: usize = 1024;
const TICK_MICROS: u64 = 16_384;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    next: u32,
    prev: u32,
    slot: u32,
}

const UNARMED: Entry = Entry { next: NONE, prev: NONE, slot: NONE };

/// Deadlines by session key; resolution 16 ms, never early.
#[derive(Debug)]
pub(crate) struct Timer {
    heads: Box<[u32; SLOTS]>,
    entries: Vec<Entry>,
    /// The tick up to which everything has expired.
    tick: u64,
    /// No slot before this tick holds anything: saves looking through the wheel at every wake-up.
    earliest: u64,
    armed: usize,
}

impl Timer {
    pub(crate) fn new(now: Moment) -> Timer {
        Timer {
            heads: Box::new([NONE; SLOTS]),
            entries: Vec::new(),
            tick: now.0 / TICK_MICROS,
            earliest: 0,
            armed: 0,
        }
    }

    /// Sets the key's only deadline, replacing an earlier one.
    pub(crate) fn arm(&mut self, key: u32, deadline: Moment) {
        self.disarm(key);
        if deadline == Moment::NEVER {
            return;
        }
        while self.entries.len() <= key as usize {
            grow(&mut self.entries);
            self.entries.push(UNARMED);
        }
        // The tick after the deadline's, so that it has passed when the slot comes up.
        let tick = (deadline.0 / TICK_MICROS + 1).clamp(self.tick + 1, self.tick + SLOTS as u64 - 1);
        let slot = (tick % SLOTS as u64) as u32;
        let head = std::mem::replace(&mut self.heads[slot as usize], key);
        self.entries[key as usize] = Entry { next: head, prev: NONE, slot };
        if head != NONE {
            self.entries[head as usize].prev = key;
        }
        self.earliest = if self.armed == 0 { tick } else { self.earliest.min(tick) };
        self.armed += 1;
    }

    /// Forgets the key's deadline, if it has one.
    pub(crate) fn disarm(&mut self, key: u32) {
        let Some(entry) = self.entries.get_mut(key as usize) else { return };
        let Entry { next, prev, slot } = std::mem::replace(entry, UNARMED);
        if slot == NONE {
            return;
        }
        match prev {
            NONE => self.heads[slot as usize] = next,
            prev => self.entries[prev as usize].next = next,
        }
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
        self.armed -= 1;
    }

    /// Gives memory back that it does not use.
    pub(crate) fn shrink(&mut self) {
        if self.armed == 0 {
            self.entries = Vec::new();
        }
    }

    /// Moves the keys whose slots have come up to `due`, disarmed. Some may be early, if their
    /// deadline lies beyond the wheel: the caller looks, and arms them again.
    pub(crate) fn expire(&mut self, now: Moment, due: &mut Vec<u32>) {
        let target = now.0 / TICK_MICROS;
        // After a long pause every slot comes up once; more turns would find nothing.
        let first = self.tick.max(target.saturating_sub(SLOTS as u64)) + 1;
        for tick in first..=target {
            let slot = (tick % SLOTS as u64) as usize;
            while self.heads[slot] != NONE {
                let key = self.heads[slot];
                self.disarm(key);
                due.push(key);
            }
        }
        self.tick = self.tick.max(target);
    }

    /// How long a worker may sleep before it must look at the timer; `None` if nothing is armed.
    pub(crate) fn sleep(&mut self, now: Moment) -> Option<Duration> {
        if self.armed == 0 {
            return None;
        }
        self.earliest = self.earliest.max(self.tick + 1);
        while self.heads[(self.earliest % SLOTS as u64) as usize] == NONE {
            self.earliest += 1;
        }
        Some(Duration::from_micros((self.earliest * TICK_MICROS).saturating_sub(now.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(millis * 1000)
    }

    fn due(timer: &mut Timer, millis: u64) -> Vec<u32> {
        let mut due = Vec::new();
        timer.expire(at(millis), &mut due);
        due.sort_unstable();
        due
    }

    #[test]
    fn expires_in_time_and_never_early() {
        let mut timer = Timer::new(at(1000));
        timer.arm(1, at(1100));
        timer.arm(2, at(1100));
        timer.arm(3, at(5000));
        assert_eq!(due(&mut timer, 1099), [0; 0]);
        assert_eq!(due(&mut timer, 1133), [1, 2]);
        assert_eq!(due(&mut timer, 4999), [0; 0]);
        assert_eq!(due(&mut timer, 5040), [3]);
        assert_eq!(timer.sleep(at(5040)), None);
    }

    #[test]
    fn a_disarmed_key_leaves_nothing() {
        let mut timer = Timer::new(at(0));
        for key in 0..100 {
            timer.arm(key, at(50));
        }
        for key in (0..100).filter(|key| key % 3 != 0) {
            timer.disarm(key);
        }
        timer.arm(3, at(900));
        let expected: Vec<u32> = (0..100).filter(|key| key % 3 == 0 && *key != 3).collect();
        assert_eq!(due(&mut timer, 100), expected);
        assert_eq!(due(&mut timer, 1000), [3]);
    }

    #[test]
    fn far_deadlines_are_looked_at_again_and_a_long_pause_loses_none() {
        let mut timer = Timer::new(at(0));
        timer.arm(7, at(3_600_000));
        let early = due(&mut timer, 16_800);
        assert_eq!(early, [7], "beyond the wheel, it comes up early for the caller to arm anew");
        timer.arm(7, at(3_600_000));
        timer.arm(8, at(17_000));
        assert_eq!(due(&mut timer, 4_000_000), [7, 8]);
    }

    #[test]
    fn sleep_reaches_to_the_next_slot() {
        let mut timer = Timer::new(at(0));
        assert_eq!(timer.sleep(at(0)), None);
        timer.arm(1, at(200));
        let sleep = timer.sleep(at(0)).expect("armed");
        assert!(sleep >= Duration::from_millis(200) && sleep <= Duration::from_millis(217), "{sleep:?}");
    }
}
