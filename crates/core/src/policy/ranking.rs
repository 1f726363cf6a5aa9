//! A cluster's nodes in order, kept between choices, so that a choice costs what has changed since the
//! last one and not how many nodes there are.
//!
//! Law: whatever it answers, asking every node would have answered too. It is a memory of what they said:
//! who changes a node's truth marks the node, and marked ones are asked again before anything is
//! answered. It may always decline, and then every node is asked: when another worker is just using it
//! (nobody ever waits for it), for sessions that have tried nodes, for a worker that still serves by an
//! older plan.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::sync::{Arc, Mutex};

use super::changes::Changes;
use super::least::Key;
use super::sums::Sums;
use super::tournament::Tournament;
use super::{Ask, Basis, Watch, Weighted, share};
use crate::cluster::Node;
use crate::moment::Moment;
use crate::node::{Health, NodeIndex};

/// Outlives plans, as the nodes do that tell it of their changes.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    pub(crate) changes: Changes,
    /// Only ever tried, so that no worker waits.
    ranked: Mutex<Ranked>,
}

/// What a ranking must know of a policy.
pub(super) trait Judge {
    fn basis(&self, _ask: &Ask<'_>) -> Basis {
        Basis::default()
    }

    fn expires(&self, _ask: &Ask<'_>) -> Moment {
        Moment::NEVER
    }

    fn watch(&self) -> Watch {
        Watch::ABILITY
    }

    /// Where only weights count, all nodes that take part are equal.
    fn key(&self, _ask: &Ask<'_>, _basis: &Basis, _one: Weighted<'_>) -> Key {
        Key::exact(0)
    }
}

/// One plan's policy as rankings know it: younger plans go before older ones.
#[derive(Debug)]
pub(super) struct Membership {
    edition: u64,
    ranked_from: usize,
}

/// The nodes in order, by the latest plan.
#[derive(Debug)]
pub(super) struct Ranked {
    edition: u64,
    /// Whether its nodes tell nobody else of their changes.
    is_told: bool,
    /// The latest time at which it was asked: workers read their clocks one after the other.
    now: Moment,
    /// When something changes that no node will tell.
    expires: Moment,
    pub(super) basis: Basis,
    can_take: Vec<bool>,
    weights: Vec<u16>,
    pub(super) tournament: Tournament,
    pub(super) sums: Sums,
}

impl Default for Ranked {
    fn default() -> Ranked {
        Ranked {
            edition: 0,
            is_told: false,
            now: Moment(0),
            expires: Moment::NEVER,
            basis: Basis::default(),
            can_take: Vec::new(),
            weights: Vec::new(),
            tournament: Tournament::default(),
            sums: Sums::default(),
        }
    }
}

impl Membership {
    pub(super) fn new(ranked_from: usize) -> Membership {
        static EDITIONS: AtomicU64 = AtomicU64::new(1);
        Membership { edition: EDITIONS.fetch_add(1, Relaxed), ranked_from }
    }

    /// An answer by the ranking; `None` if every node has to be asked.
    #[inline]
    pub(super) fn ask<T>(
        &self,
        ask: &Ask<'_>,
        judge: &impl Judge,
        answer: impl FnOnce(&mut Ranked) -> Option<T>,
    ) -> Option<T> {
        let few = ask.nodes.len() < self.ranked_from || !ask.tried.is_empty();
        if few { None } else { self.ask_ranking(ask, judge, answer) }
    }

    /// Out of line, so that small clusters carry none of it.
    #[inline(never)]
    fn ask_ranking<T>(
        &self,
        ask: &Ask<'_>,
        judge: &impl Judge,
        answer: impl FnOnce(&mut Ranked) -> Option<T>,
    ) -> Option<T> {
        let ranking = &ask.state.ranking;
        let mut ranked = ranking.ranked.try_lock().ok()?;
        if ranked.edition > self.edition {
            return None;
        }
        ranked.now = ranked.now.max(ask.now);
        if ranked.edition < self.edition {
            ranked.edition = self.edition;
            ranked.is_told = enrol(ranking, ask.nodes, judge.watch());
            ranked.expires = Moment(0);
        }
        if !ranked.is_told {
            return None;
        }
        // What is marked from here on is looked at next time, at the latest.
        let has_expired = ranked.now >= ranked.expires || ranked.weights.len() != ask.nodes.len();
        if ranking.changes.take_everything() || has_expired {
            ranking.changes.take(drop);
            ranked.begin_anew(ask, judge);
        } else {
            ranking.changes.take(|node| ranked.look_at(ask, judge, node));
        }
        answer(&mut ranked)
    }
}

/// Has the nodes tell the ranking of their changes; false if one of them tells another.
fn enrol(ranking: &Arc<Ranking>, nodes: &[Node], watch: Watch) -> bool {
    ranking.changes.reserve(nodes.len());
    let tell = |(index, node): (usize, &Node)| {
        let room = if node.max_sessions > 0 { Watch::OPENED | Watch::CLOSED } else { Watch::ABILITY };
        node.state.teller.tell(ranking, index as NodeIndex, watch | room | Watch::ABILITY)
    };
    let all = nodes.iter().enumerate().all(tell);
    // Whoever changed a node and did not know whom to tell is seen from here on.
    fence(SeqCst);
    all
}

impl Ranked {
    /// The question, at a time that never goes back.
    pub(super) fn as_of<'a>(&self, ask: &Ask<'a>) -> Ask<'a> {
        Ask { now: self.now, ..*ask }
    }

    pub(super) fn weighted<'a>(&self, ask: &Ask<'a>, index: NodeIndex) -> Option<Weighted<'a>> {
        let weight = self.weights[usize::from(index)];
        (weight > 0).then(|| Weighted { index, node: &ask.nodes[usize::from(index)], weight })
    }

    fn begin_anew(&mut self, ask: &Ask<'_>, judge: &impl Judge) {
        let ask = &self.as_of(ask);
        self.expires = judge.expires(ask);
        self.basis = judge.basis(ask);
        self.can_take.clear();
        for node in ask.nodes {
            let can_take = self.takes_clients(node);
            self.can_take.push(can_take);
        }
        self.weights.clear();
        for index in 0..ask.nodes.len() {
            let weight = self.weigh(ask, index as NodeIndex);
            self.weights.push(weight);
        }
        self.sums.reset(self.weights.iter().copied());
        let mut tournament = std::mem::take(&mut self.tournament);
        let indices = 0..ask.nodes.len() as NodeIndex;
        tournament.reset(indices.map(|index| self.key(ask, judge, index)));
        self.tournament = tournament;
    }

    /// Asks a node again, and where it has become able or unable to take clients, those whose weights
    /// hang on that.
    pub(super) fn look_at(&mut self, ask: &Ask<'_>, judge: &impl Judge, index: NodeIndex) {
        let ask = &self.as_of(ask);
        let Some(node) = ask.nodes.get(usize::from(index)) else { return };
        let can_take = self.takes_clients(node);
        let changed = std::mem::replace(&mut self.can_take[usize::from(index)], can_take) != can_take;
        self.place(ask, judge, index);
        if changed {
            let chains = node.stands_in_for.iter().map(|other| &ask.nodes[usize::from(*other)].fallbacks);
            for other in chains.chain([&node.fallbacks]).flatten() {
                self.place(ask, judge, *other);
            }
        }
    }

    fn place(&mut self, ask: &Ask<'_>, judge: &impl Judge, index: NodeIndex) {
        let weight = self.weigh(ask, index);
        self.weights[usize::from(index)] = weight;
        self.sums.set(index, weight);
        let key = self.key(ask, judge, index);
        self.tournament.set(index, key);
    }

    fn takes_clients(&mut self, node: &Node) -> bool {
        if let Health::Down { retry_at } = node.state.health(self.now) {
            self.expires = self.expires.min(retry_at);
        }
        node.takes_clients(self.now)
    }

    fn weigh(&self, ask: &Ask<'_>, index: NodeIndex) -> u16 {
        let can_take = |index: NodeIndex| self.can_take[usize::from(index)];
        if can_take(index) { share(ask.nodes, index, can_take) } else { 0 }
    }

    fn key(&self, ask: &Ask<'_>, judge: &impl Judge, index: NodeIndex) -> Key {
        self.weighted(ask, index).map_or(Key::NEVER, |one| judge.key(ask, &self.basis, one))
    }
}
