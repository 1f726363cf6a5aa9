//! `minimum-load`: the node with the lowest load rating per weight.
//!
//! An expression rates a node at the choice, decaying rates as they stood when the present round of 20 ms
//! began. A rating published from outside is a snapshot that all
//! workers look at until the next one, so each session taken since raises it by what a session
//! weighs: the sum of the known ratings over the sessions they were made with. A node without a
//! rating that is fresh counts as an average one with its number of sessions: it takes its share
//! and no more, whether its agent is dead or it is new. Is none rated, sessions decide alone.

use std::time::Duration;

use super::least::{Key, Keyed};
use super::least_sessions::sessions_per_weight;
use super::{Ask, Basis, ROUND, Watch, Weighted, round};
use crate::cluster::Node;
use crate::expression::Expression;
use crate::moment::Moment;

/// Lowest load rating.
#[derive(Debug)]
pub(super) struct MinimumLoad {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Expression(Expression),
    /// `NodeState::rating`, ignored when older than this.
    Published(Duration),
}

/// What a node is known to bear.
#[derive(Clone, Copy)]
struct Known {
    rating: f64,
    /// Sessions the rating was made with.
    sessions: u32,
    /// Sessions taken since.
    taken: f64,
}

/// What the rated nodes say of those that are not, and of a session.
#[derive(Clone, Copy, Debug)]
struct Average {
    rating: f64,
    sessions: f64,
    /// What one session weighs.
    per_session: f64,
}

impl Average {
    fn over(known: impl Iterator<Item = Known>) -> Option<Average> {
        let (mut rated, mut ratings, mut magnitudes, mut sessions) = (0.0, 0.0, 0.0, 0.0);
        for known in known {
            rated += 1.0;
            ratings += known.rating;
            magnitudes += known.rating.abs();
            sessions += f64::from(known.sessions) + 1.0;
        }
        (rated > 0.0).then(|| Average {
            rating: ratings / rated,
            sessions: sessions / rated,
            per_session: magnitudes / sessions,
        })
    }

    fn of_unrated(self, sessions: f64) -> f64 {
        self.rating + (sessions + 1.0 - self.sessions) * self.per_session
    }

    fn basis(average: Option<Average>) -> Basis {
        average.map_or(Basis::default(), |it| Basis::of([it.rating, it.sessions, it.per_session]))
    }

    /// None is of no sessions: with each rating at least one is counted.
    fn from_basis(basis: &Basis) -> Option<Average> {
        let [rating, sessions, per_session] = basis.numbers();
        (sessions > 0.0).then_some(Average { rating, sessions, per_session })
    }
}

impl MinimumLoad {
    /// Rates nodes by an expression at the choice.
    pub(super) fn by_expression(expression: Expression) -> MinimumLoad {
        MinimumLoad { source: Source::Expression(expression) }
    }

    /// Goes by the ratings published in `NodeState`, ignoring those older than `ttl`.
    pub(super) fn by_published_ratings(ttl: Duration) -> MinimumLoad {
        MinimumLoad { source: Source::Published(ttl) }
    }

    fn known(&self, node: &Node, now: Moment) -> Option<Known> {
        match &self.source {
            Source::Expression(expression) => {
                let (rating, sessions) = (expression.evaluate(node, round(now))?, node.state.active());
                Some(Known { rating, sessions, taken: 0.0 })
            }
            Source::Published(ttl) => {
                let rating = node.state.rating().filter(|rating| now.since(rating.at) <= *ttl)?;
                let taken = node.state.opened().saturating_sub(rating.opened) as f64;
                Some(Known { rating: rating.value, sessions: rating.sessions, taken })
            }
        }
    }

    /// How loaded the node is, per weight.
    fn load(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> f64 {
        let average = Average::from_basis(basis);
        let rating = match (self.known(one.node, ask.now), average) {
            (Some(known), Some(average)) => known.rating + known.taken * average.per_session,
            (Some(known), None) => known.rating,
            (None, Some(average)) => average.of_unrated(f64::from(one.node.state.active())),
            (None, None) => return sessions_per_weight(one),
        };
        per_weight(rating, one.weight)
    }
}

/// More weight makes a node more attractive, below zero as well.
fn per_weight(rating: f64, weight: u16) -> f64 {
    if rating < 0.0 { rating * f64::from(weight) } else { rating / f64::from(weight) }
}

impl Keyed for MinimumLoad {
    const NAME: &'static str = "minimum-load";

    fn watch(&self) -> Watch {
        let sessions = Watch::OPENED | Watch::CLOSED;
        match self.source {
            Source::Expression(_) => sessions | Watch::TRAFFIC | Watch::CONNECTS,
            Source::Published(_) => sessions | Watch::RATINGS,
        }
    }

    fn expires(&self, ask: &Ask<'_>) -> Moment {
        let Source::Published(ttl) = self.source else { return round(ask.now).after(ROUND) };
        let ratings = ask.nodes.iter().filter_map(|node| node.state.rating());
        let ends = ratings.map(|rating| Moment(rating.at.after(ttl).0.saturating_add(1)));
        ends.filter(|end| *end > ask.now).min().unwrap_or(Moment::NEVER)
    }

    /// The average over every node with a rating, usable or not: what a session weighs does not change
    /// with who may have the next.
    fn basis(&self, ask: &Ask<'_>) -> Basis {
        Average::basis(Average::over(ask.nodes.iter().filter_map(|node| self.known(node, ask.now))))
    }

    fn key(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> (Key, u64) {
        (Key::load(self.load(ask, basis, one), one), 0)
    }

    /// The load rating per weight, sessions taken since included.
    fn value(&self, ask: &Ask<'_>, basis: &Basis, one: Weighted<'_>) -> f64 {
        self.load(ask, basis, one)
    }
}
