//! `round-robin`: each node's turns come evenly spaced, and a cycle (as many choices as the weights
//! add up to) gives each node exactly its weight, however many workers share it.
//!
//! A cycle is one unit of virtual time. In each, a node of weight `w` has `w` turns, the k-th due at
//! `(2k+1)/(2w)`; the earliest due is next, the lower index of equals. A node's word in `NodeState`
//! names its next turn: cycle, weight, k. Turns only grow, so a worker whose exchange of that word
//! succeeds knows that no other node's turn was earlier in the meantime: exactness needs no lock.
//!
//! Due times are compared as integers: two different ones with weights up to `MAX_WEIGHT` lie more than
//! `2^-19` apart, so rounding down to that unit keeps their order and tells them apart.
//!
//! The cluster's clock is the due time of the latest choice. A word that lies behind it belongs to a
//! node that was away, and one that names another weight to a node that was re-weighted; both
//! resume with the first turn that the clock has not passed, so none gets a burst and all are
//! where they would be had it always been so.

use std::sync::atomic::Ordering::Relaxed;

use super::least::{Key, Keyed};
use super::{Ask, Basis, ClusterState, MAX_WEIGHT, Pick, Watch, Weighted};
use crate::node::NodeIndex;

const FRACTION_BITS: u32 = 19;
/// One cycle in units of due time.
const CYCLE: u64 = 1 << FRACTION_BITS;

/// Bits of a word for the turn within the cycle, and for the weight.
const FIELD: u32 = 9;
const FIELD_MASK: u64 = (1 << FIELD) - 1;
const _: () = assert!(FIELD_MASK == MAX_WEIGHT as u64);

/// `2^39 / 2w`, rounded up, for each weight `w`: multiplying by it divides numbers below `2^29` by
/// `2w` exactly (Granlund and Montgomery 1994), and much faster than dividing does.
const RECIPROCAL_BITS: u32 = 39;
const RECIPROCALS: [u64; 1 << FIELD] = {
    let mut reciprocals = [0; 1 << FIELD];
    let mut weight = 1;
    while weight < reciprocals.len() {
        reciprocals[weight] = (1u64 << RECIPROCAL_BITS).div_ceil(2 * weight as u64);
        weight += 1;
    }
    reciprocals
};

/// Bits of `ClusterState::latest_turn` for the node's index; the rest is the end of its due time.
const INDEX_BITS: u32 = 16;

/// Smooth weighted round robin.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundRobin;

/// One of a node's turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    cycle: u64,
    weight: u64,
    nth: u64,
}

/// How far the cluster has come: the latest choice's due time, and whose turn it was, if no other
/// choice is just being noted.
#[derive(Clone, Copy)]
struct Clock {
    time: u64,
    latest: Option<NodeIndex>,
}

impl Turn {
    fn from_word(word: u64) -> Turn {
        Turn { cycle: word >> (2 * FIELD), weight: word >> FIELD & FIELD_MASK, nth: word & FIELD_MASK }
    }

    fn word(self) -> u64 {
        self.cycle << (2 * FIELD) | self.weight << FIELD | self.nth
    }

    fn due(self) -> u64 {
        let numerator = (2 * self.nth + 1) << FRACTION_BITS;
        let fraction = (numerator * RECIPROCALS[(self.weight & FIELD_MASK) as usize]) >> RECIPROCAL_BITS;
        (self.cycle << FRACTION_BITS) + fraction
    }

    fn next(self) -> Turn {
        if self.nth + 1 < self.weight {
            Turn { nth: self.nth + 1, ..self }
        } else {
            Turn { cycle: self.cycle + 1, nth: 0, ..self }
        }
    }

    /// The first turn of a node of that weight that is not due before `time`.
    fn first_from(time: u64, weight: u64) -> Turn {
        let (cycle, fraction) = (time >> FRACTION_BITS, time & (CYCLE - 1));
        // A little early, for the rounding; then at most two steps.
        let nth = ((fraction * weight) >> FRACTION_BITS).saturating_sub(1);
        let mut turn = Turn { cycle, weight, nth };
        while turn.due() < time {
            turn = turn.next();
        }
        turn
    }
}

impl Clock {
    fn read(state: &ClusterState) -> Clock {
        let time = state.virtual_time.load(Relaxed);
        let latest = state.latest_turn.load(Relaxed);
        let is_of_time = latest >> INDEX_BITS == time & (u64::MAX >> INDEX_BITS);
        Clock { time, latest: is_of_time.then_some(latest as NodeIndex) }
    }

    fn from_basis(basis: &Basis) -> Clock {
        let [time, latest, _] = basis.0;
        Clock { time, latest: NodeIndex::try_from(latest).ok() }
    }

    fn advance(state: &ClusterState, due: u64, index: NodeIndex) {
        state.virtual_time.fetch_max(due, Relaxed);
        // Of equal turns the highest index stays, as time does: what has passed once stays past.
        let (ours, latest) = (due << INDEX_BITS | u64::from(index), state.latest_turn.load(Relaxed));
        if latest >> INDEX_BITS != ours >> INDEX_BITS || latest < ours {
            state.latest_turn.store(ours, Relaxed);
        }
    }

    /// The node's next turn, given its word.
    fn turn(self, word: u64, weight: u16, index: NodeIndex) -> Turn {
        let turn = Turn::from_word(word);
        // No bound above: a clock read a moment ago may be any number of choices behind the word.
        if turn.weight == u64::from(weight) && self.time <= turn.due() {
            return turn;
        }
        let first = Turn::first_from(self.time, u64::from(weight));
        // Of equal turns the lower indices had theirs.
        let is_past = first.due() == self.time && self.latest.is_some_and(|latest| index <= latest);
        if is_past { first.next() } else { first }
    }
}

impl Keyed for RoundRobin {
    const NAME: &'static str = "round-robin";
    const BASIS_LASTS: bool = false;

    /// Turns only grow, and a winner is looked at once more: nobody need tell of them.
    fn watch(&self) -> Watch {
        Watch::ABILITY
    }

    /// The clock.
    fn basis(&self, ask: &Ask<'_>) -> Basis {
        let Clock { time, latest } = Clock::read(ask.state);
        Basis([time, latest.map_or(u64::MAX, u64::from), 0])
    }

    /// When the node's next turn is due: with the clock, and while it keeps its weight, only ever later.
    fn key(&self, _ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> (Key, u64) {
        let seen = one.node.state.turns.load(Relaxed);
        let turn = Clock::from_basis(basis).turn(seen, one.weight, one.index);
        (Key::exact(turn.due()), seen)
    }

    fn commit(&self, ask: &Ask<'_>, pick: Pick) -> bool {
        let node = &ask.nodes[usize::from(pick.node)];
        let turn = Clock::read(ask.state).turn(pick.seen, pick.weight, pick.node);
        let next = turn.next().word();
        let is_ours = node.state.turns.compare_exchange(pick.seen, next, Relaxed, Relaxed).is_ok();
        if is_ours {
            Clock::advance(ask.state, turn.due(), pick.node);
        }
        is_ours
    }

    /// Cycles until the node's next turn.
    fn value(&self, _ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> f64 {
        let clock = Clock::from_basis(basis);
        let turn = clock.turn(one.node.state.turns.load(Relaxed), one.weight, one.index);
        (turn.due() - clock.time) as f64 / CYCLE as f64
    }
}
