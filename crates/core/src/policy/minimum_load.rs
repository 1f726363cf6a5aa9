//! `minimum-load`: the node with the lowest load rating per weight.
//!
//! An expression rates a node at the choice. A rating published from outside is a snapshot that all
//! workers look at until the next one, so each session taken since raises it by what a session
//! weighs: the sum of the known ratings over the sessions they were made with. A node without a
//! rating that is fresh counts as an average one with its number of sessions: it takes its share
//! and no more, whether its agent is dead or it is new. Is none rated, sessions decide alone.

use std::time::Duration;

use super::least_sessions::sessions_per_weight;
use super::{Ask, Pick, Policy, Weighted, least};
use crate::cluster::Node;
use crate::expression::Expression;
use crate::moment::Moment;
use crate::node::NodeIndex;

/// Lowest load rating.
#[derive(Debug)]
pub struct MinimumLoad {
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
    /// Sessions taken since the rating was made.
    taken: f64,
}

/// What the rated nodes say about those that are not.
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    rated: f64,
    /// Sums over the rated nodes.
    ratings: f64,
    magnitudes: f64,
    sessions: f64,
}

impl Average {
    fn add(&mut self, known: Known, sessions: f64) {
        self.rated += 1.0;
        self.ratings += known.rating;
        self.magnitudes += known.rating.abs();
        self.sessions += (sessions - known.taken).max(0.0) + 1.0;
    }

    /// What one session weighs.
    fn per_session(&self) -> f64 {
        self.magnitudes / self.sessions
    }

    fn of_unrated(&self, sessions: f64) -> f64 {
        let above_average = sessions + 1.0 - self.sessions / self.rated;
        self.ratings / self.rated + above_average * self.per_session()
    }
}

impl MinimumLoad {
    /// Rates nodes by an expression at the choice.
    #[must_use]
    pub fn by_expression(expression: Expression) -> MinimumLoad {
        MinimumLoad { source: Source::Expression(expression) }
    }

    /// Goes by the ratings published in `NodeState`, ignoring those older than `ttl`.
    #[must_use]
    pub fn by_published_ratings(ttl: Duration) -> MinimumLoad {
        MinimumLoad { source: Source::Published(ttl) }
    }

    fn known(&self, node: &Node, now: Moment) -> Option<Known> {
        match &self.source {
            Source::Expression(expression) => {
                expression.evaluate(node, now).map(|rating| Known { rating, taken: 0.0 })
            }
            Source::Published(ttl) => {
                let rating = node.state.rating().filter(|rating| now.since(rating.at) <= *ttl)?;
                let taken = node.state.opened().saturating_sub(rating.opened) as f64;
                Some(Known { rating: rating.value, taken })
            }
        }
    }

    /// How loaded each node is, per weight.
    fn load<'a>(&'a self, ask: &Ask<'_>) -> impl Fn(Weighted<'_>) -> f64 + 'a {
        let now = ask.now;
        let mut average = Average::default();
        for Weighted { node, .. } in ask.usable_nodes() {
            if let Some(known) = self.known(node, now) {
                average.add(known, f64::from(node.state.active()));
            }
        }
        move |one| {
            let node = one.node;
            let rating = match self.known(node, now) {
                Some(known) if average.rated > 0.0 => known.rating + known.taken * average.per_session(),
                Some(known) => known.rating,
                None if average.rated > 0.0 => average.of_unrated(f64::from(node.state.active())),
                None => return sessions_per_weight(one),
            };
            per_weight(rating, one.weight)
        }
    }
}

/// More weight makes a node more attractive, below zero as well.
fn per_weight(rating: f64, weight: u16) -> f64 {
    if rating < 0.0 { rating * f64::from(weight) } else { rating / f64::from(weight) }
}

impl Policy for MinimumLoad {
    fn name(&self) -> &'static str {
        "minimum-load"
    }

    fn pick(&self, ask: &Ask<'_>) -> Option<Pick> {
        least(ask, self.load(ask)).map(Pick::of)
    }

    /// The load rating per weight, sessions taken since included.
    fn value(&self, ask: &Ask<'_>, node: NodeIndex) -> Option<f64> {
        ask.weighted(node).map(self.load(ask))
    }
}
