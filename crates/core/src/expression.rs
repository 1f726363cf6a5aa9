//! A load rating as an expression over a node's statistics, such as `sessions + 2 * connect_ms`.
//!
//! Law: text becomes a program of bounded depth once, or an error with its column; a program then
//! always ends, allocates nothing, and what is not a finite number is no rating.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = factor { ("*" | "/") factor }
//! factor  = "-" factor | number | variable | ("min" | "max") "(" sum { "," sum } ")" | "(" sum ")"
//! ```

mod parser;
mod suggestion;

use std::fmt;

use crate::cluster::Node;
use crate::moment::Moment;

/// How many values a program may hold at a time, and how deep an expression may nest: far more
/// than a person writes, and little on a stack.
const DEPTH: usize = 32;

/// A node's statistic, as an expression names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Sessions,
    Opened,
    Failures,
    Weight,
    ConnectionRate,
    TrafficRate,
    ConnectMs,
    BytesToNode,
    BytesToClient,
}

/// Every variable, with what it means.
const VARIABLES: [(&str, Variable, &str); 9] = [
    ("sessions", Variable::Sessions, "sessions now, attempts under way included"),
    ("opened", Variable::Opened, "sessions and attempts ever given to the node"),
    ("failures", Variable::Failures, "failures that marked the node down"),
    ("weight", Variable::Weight, "the node's own weight, without what it inherits as a fallback"),
    ("connection_rate", Variable::ConnectionRate, "new sessions a second, decayed"),
    ("traffic_rate", Variable::TrafficRate, "bytes a second in both directions, decayed"),
    ("connect_ms", Variable::ConnectMs, "how long connects take, averaged, in milliseconds"),
    ("bytes_to_node", Variable::BytesToNode, "bytes relayed to the node"),
    ("bytes_to_client", Variable::BytesToClient, "bytes relayed from the node"),
];

/// The variables an expression may use, each with its meaning.
pub fn variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    VARIABLES.iter().map(|(name, _, meaning)| (*name, *meaning))
}

/// One step: takes its operands from the stack and leaves its result there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Number(f64),
    Variable(Variable),
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Least,
    Greatest,
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: Box<str>,
    steps: Box<[Step]>,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// The first thing that does not belong, and where.
    pub fn parse(text: &str) -> Result<Expression, Error> {
        Ok(Expression { text: text.into(), steps: parser::parse(text)? })
    }

    /// The expression's value for the node now; `None` where that is not a finite number.
    #[must_use]
    pub fn evaluate(&self, node: &Node, now: Moment) -> Option<f64> {
        let mut stack = [0.0; DEPTH];
        let mut height = 0;
        for step in &self.steps {
            let value = match *step {
                Step::Number(number) => number,
                Step::Variable(variable) => variable.of(node, now),
                Step::Negate => {
                    height -= 1;
                    -stack[height]
                }
                binary => {
                    height -= 2;
                    binary.apply(stack[height], stack[height + 1])
                }
            };
            stack[height] = value;
            height += 1;
        }
        Some(stack[0]).filter(|value| value.is_finite())
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Step {
    fn operands(self) -> usize {
        match self {
            Step::Number(_) | Step::Variable(_) => 0,
            Step::Negate => 1,
            _ => 2,
        }
    }

    /// A comparison with "not a number" yields that, so that it is not lost on the way.
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Step::Add => left + right,
            Step::Subtract => left - right,
            Step::Multiply => left * right,
            Step::Divide => left / right,
            Step::Least if left < right => left,
            Step::Greatest if left > right => left,
            Step::Least | Step::Greatest if !left.is_nan() => right,
            _ => f64::NAN,
        }
    }
}

impl Variable {
    fn of(self, node: &Node, now: Moment) -> f64 {
        let state = &node.state;
        match self {
            Variable::Sessions => f64::from(state.active()),
            Variable::Opened => state.opened() as f64,
            Variable::Failures => state.failed() as f64,
            Variable::Weight => f64::from(node.weight),
            Variable::ConnectionRate => state.connection_rate.per_second(now),
            Variable::TrafficRate => state.traffic_rate.per_second(now),
            Variable::ConnectMs => state.connect_micros() as f64 / 1e3,
            Variable::BytesToNode => state.bytes_to_node() as f64,
            Variable::BytesToClient => state.bytes_to_client() as f64,
        }
    }
}

/// Why a text is no expression: the operator's mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, counted in characters from 1.
    pub column: usize,
    /// What was expected, what came, and what to do.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for Error {}
