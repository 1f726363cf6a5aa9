//! Any text is an expression or an error with its place.

use std::time::Duration;

use proptest::prelude::*;
use protobalance_core::expression::{self, Expression};
use protobalance_core::moment::Moment;

use crate::model;

/// The value for a node of weight 4 with 3 sessions, 5 opened, 1 failure and connects of 2.5 ms.
fn value(text: &str) -> Option<f64> {
    let node = model::node("n", 4);
    let now = Moment(1_000_000);
    (1..=5).for_each(|ticket| node.state.session_opened(now, ticket));
    (0..2).for_each(|_| node.state.session_closed());
    node.state.relayed(10, 20, now);
    node.state.connected_in(Duration::from_micros(2_500));
    let _ = node.state.mark_down(now);
    Expression::parse(text).expect("an expression").evaluate(&node, now)
}

fn refusal(text: &str) -> String {
    Expression::parse(text).expect_err("no expression").to_string()
}

#[test]
fn expressions_have_the_values_of_arithmetic() {
    for (text, expected) in [
        ("1", 1.0),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 3 - 2", 5.0),
        ("24 / 4 / 2", 3.0),
        ("-2 * -3", 6.0),
        ("--2", 2.0),
        ("1e3 + 1.5e-1 + .5", 1000.65),
        ("min(3, 1, 2)", 1.0),
        ("max(3, 1, 2)", 3.0),
        ("max(5)", 5.0),
        ("sessions + 10 * weight", 43.0),
        ("opened - failures", 4.0),
        ("connect_ms", 2.5),
        ("bytes_to_node * 100 + bytes_to_client", 1020.0),
        ("connection_rate * 10", 5.0),
        ("traffic_rate", 3.0),
    ] {
        let got = value(text).expect("a rating");
        assert!((got - expected).abs() < 1e-9, "{text} is {got}");
    }
}

#[test]
fn what_is_not_finite_is_no_rating() {
    for text in ["1 / 0", "-1 / 0", "0 / 0", "1e308 * 10", "max(1, 0 / 0)", "max(0 / 0, 1)", "min(0 / 0, 1)"]
    {
        assert_eq!(value(text), None, "{text}");
    }
}

#[test]
fn errors_say_where_and_what_to_do() {
    for (text, expected) in [
        (
            "",
            "column 1: expected a number, a variable, min, max, \"-\" or \"(\", but the expression ends here",
        ),
        (
            "1 +",
            "column 4: expected a number, a variable, min, max, \"-\" or \"(\", but the expression ends here",
        ),
        ("sessions weight", "column 10: expected an operator or the end, not \"weight\""),
        ("(1", "column 3: expected an operator or \")\", but the expression ends here"),
        ("min(1 2)", "column 7: expected an operator, \",\" or \")\", not \"2\""),
        ("min 1", "column 5: expected \"(\", not \"1\""),
        ("2 * sesions", "column 5: there is no variable \"sesions\"; did you mean \"sessions\"?"),
        ("1.2.3", "column 1: expected a number such as 2 or 0.5, not \"1.2.3\""),
        ("1e999", "column 1: expected a number such as 2 or 0.5, not \"1e999\""),
        (
            "ä + ✗",
            "column 1: there is no variable \"ä\"; there are sessions, opened, failures, weight, \
          connection_rate, traffic_rate, connect_ms, bytes_to_node, bytes_to_client, min, max",
        ),
        ("1 ✗", "column 3: expected an operator or the end, not \"✗\""),
    ] {
        assert_eq!(refusal(text), expected);
    }
}

#[test]
fn nesting_is_bounded() {
    for text in ["(".repeat(100_000), "-".repeat(100_000), "min(".repeat(100_000), "1+(".repeat(100_000)] {
        assert!(refusal(&text).contains("nested deeper than 32"));
    }
    let two_values_a_level = format!("{}1{}", "1+1*(".repeat(20), ")".repeat(20));
    assert!(refusal(&two_values_a_level).contains("nested deeper than 32"));
    assert_eq!(value(&format!("{}1{}", "(".repeat(30), ")".repeat(30))), Some(1.0));
    assert_eq!(value(&vec!["1"; 10_000].join("+")), Some(10_000.0));
}

#[test]
fn every_variable_is_known_and_explained() {
    for (name, meaning) in expression::variables() {
        assert!(value(name).is_some() && !meaning.is_empty(), "{name}");
    }
}

proptest! {
    #![proptest_config(model::cases(2_000))]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,40}") {
        let _ = Expression::parse(&text).map(|_| value(&text));
    }

    #[test]
    fn text_that_nearly_is_one_never_panics(text in "(sessions|weight|min|max|[0-9.e]{1,3}|[-+*/(), ]){0,30}") {
        match Expression::parse(&text) {
            Ok(_) => _ = value(&text),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column)),
        }
    }
}
