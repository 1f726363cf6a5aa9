//! Who has the least key, kept: each pair's winner meets the winner of the pair beside it, so a key that
//! changes is compared as often as there are rounds, log2 of the nodes, or less.

use super::least::Key;
use crate::node::NodeIndex;

/// A tree of winners over the nodes' keys.
#[derive(Debug, Default)]
pub(super) struct Tournament {
    /// By node; `Key::NEVER` takes no part. As many as a power of two.
    keys: Vec<Key>,
    /// The winner of the whole is at 1; those at `2n` and `2n + 1` met for `n`. The nodes themselves
    /// would follow.
    winners: Vec<NodeIndex>,
}

impl Tournament {
    /// Begins anew with these keys.
    pub(super) fn reset(&mut self, keys: impl Iterator<Item = Key>) {
        self.keys.clear();
        self.keys.extend(keys);
        let size = self.keys.len().next_power_of_two().max(2);
        self.keys.resize(size, Key::NEVER);
        self.winners.clear();
        self.winners.resize(size, 0);
        for place in (1..size).rev() {
            self.winners[place] = self.winner_at(place);
        }
    }

    pub(super) fn set(&mut self, node: NodeIndex, key: Key) {
        let known = &mut self.keys[usize::from(node)];
        if *known == key {
            return;
        }
        *known = key;
        let mut place = (self.keys.len() + usize::from(node)) / 2;
        while place > 0 {
            let winner = self.winner_at(place);
            if winner == self.winners[place] && winner != node {
                return;
            }
            self.winners[place] = winner;
            place /= 2;
        }
    }

    pub(super) fn key(&self, node: NodeIndex) -> Key {
        self.keys[usize::from(node)]
    }

    /// The node with the least key, of equals the first; `None` if nobody takes part.
    pub(super) fn winner(&self) -> Option<NodeIndex> {
        let winner = *self.winners.get(1)?;
        (self.key(winner) < Key::NEVER).then_some(winner)
    }

    fn winner_at(&self, place: usize) -> NodeIndex {
        let size = self.keys.len();
        let side =
            |place: usize| if place < size { self.winners[place] } else { (place - size) as NodeIndex };
        let (left, right) = (side(2 * place), side(2 * place + 1));
        if self.key(right) < self.key(left) { right } else { left }
    }
}
