//! From the word in a plan to the policy.

use std::fmt;
use std::time::Duration;

use super::Policy;
use super::client_hash::ClientHash;
use super::connection_rate::ConnectionRate;
use super::least::{Keyed, Least};
use super::least_sessions::LeastSessions;
use super::minimum_load::MinimumLoad;
use super::random::Random;
use super::round_robin::RoundRobin;
use super::shares::Drawn;
use super::traffic_rate::TrafficRate;
use super::two_choices::TwoChoices;
use crate::expression::{self, Expression};
use crate::hash;

/// Every policy's word.
pub const NAMES: [&str; 8] = [
    "round-robin",
    "random",
    "connection-rate",
    "traffic-rate",
    "minimum-load",
    "client-hash",
    "least-sessions",
    "two-choices",
];

/// What a plan says about a cluster's policy; each policy takes from it what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Names of the nodes, in the plan's order.
    pub nodes: &'a [&'a str],
    /// For `client-hash`: what balancers with the same answers share.
    pub hash_key: &'a str,
    /// For `minimum-load`: the native expression; empty if ratings are published from outside.
    pub load_expression: &'a str,
    /// For `minimum-load`: an older published rating is ignored.
    pub rating_ttl: Duration,
}

/// Why there is no such policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No policy has this name.
    Unknown(String),
    /// The load expression is none.
    Expression(expression::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unknown(word) => write!(f, "there is no policy {word:?}; there are {}", NAMES.join(", ")),
            Error::Expression(error) => write!(f, "load expression, {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// With fewer nodes it is quicker to ask them all than to keep them in order.
const RANKED_FROM: usize = 16;

/// The policy of that name.
///
/// # Errors
/// If there is none, or its load expression cannot be parsed.
pub fn named(word: &str, settings: &Settings<'_>) -> Result<Box<dyn Policy>, Error> {
    named_ranked_from(RANKED_FROM, word, settings)
}

/// The policy of that name, which keeps its nodes in order if they are so many or more: what it chooses
/// does not depend on that.
///
/// # Errors
/// As [`named`].
pub fn named_ranked_from(
    nodes: usize,
    word: &str,
    settings: &Settings<'_>,
) -> Result<Box<dyn Policy>, Error> {
    fn least<K: Keyed + 'static>(keyed: K, nodes: usize) -> Box<dyn Policy> {
        Box::new(Least::new(keyed, nodes))
    }
    Ok(match word {
        "round-robin" => least(RoundRobin, nodes),
        "random" => Box::new(Drawn::new(Random, nodes)),
        "connection-rate" => least(ConnectionRate, nodes),
        "traffic-rate" => least(TrafficRate, nodes),
        "minimum-load" if settings.load_expression.is_empty() => {
            least(MinimumLoad::by_published_ratings(settings.rating_ttl), nodes)
        }
        "minimum-load" => {
            let expression = Expression::parse(settings.load_expression).map_err(Error::Expression)?;
            least(MinimumLoad::by_expression(expression), nodes)
        }
        "client-hash" => Box::new(ClientHash::new(hash::key_of(settings.hash_key), settings.nodes)),
        "least-sessions" => least(LeastSessions, nodes),
        "two-choices" => Box::new(Drawn::new(TwoChoices, nodes)),
        unknown => return Err(Error::Unknown(unknown.to_owned())),
    })
}
