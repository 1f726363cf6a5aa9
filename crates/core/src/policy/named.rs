//! From the word in a plan to the policy.

use std::fmt;
use std::time::Duration;

use super::{
    ClientHash, ConnectionRate, Least, LeastSessions, MinimumLoad, Policy, Random, RoundRobin, TrafficRate,
    TwoChoices,
};
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

/// The policy of that name.
///
/// # Errors
/// If there is none, or its load expression cannot be parsed.
pub fn named(word: &str, settings: &Settings<'_>) -> Result<Box<dyn Policy>, Error> {
    Ok(match word {
        "round-robin" => Box::new(Least::new(RoundRobin)),
        "random" => Box::new(Random),
        "connection-rate" => Box::new(Least::new(ConnectionRate)),
        "traffic-rate" => Box::new(Least::new(TrafficRate)),
        "minimum-load" if settings.load_expression.is_empty() => {
            Box::new(Least::new(MinimumLoad::by_published_ratings(settings.rating_ttl)))
        }
        "minimum-load" => {
            let expression = Expression::parse(settings.load_expression).map_err(Error::Expression)?;
            Box::new(Least::new(MinimumLoad::by_expression(expression)))
        }
        "client-hash" => Box::new(ClientHash::new(hash::key_of(settings.hash_key), settings.nodes)),
        "least-sessions" => Box::new(Least::new(LeastSessions)),
        "two-choices" => Box::new(TwoChoices),
        unknown => return Err(Error::Unknown(unknown.to_owned())),
    })
}
