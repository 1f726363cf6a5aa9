//! A load expression is one or says where it is none; one that is has a finite value or none, always.

use std::sync::Arc;

use protobalance_core::cluster::Node;
use protobalance_core::expression::Expression;
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeState};

pub(crate) fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let state = Arc::new(NodeState::new("c", "n", AdminState::Available));
    state.relayed(u64::MAX >> 1, 1, Moment(1));
    for weight in [0, 1, u16::MAX] {
        let (fallbacks, stands_in_for) = (Box::default(), Box::default());
        let state = Arc::clone(&state);
        let admin_state = AdminState::Available;
        let node = Node { state, admin_state, weight, fallbacks, stands_in_for, max_sessions: 0 };
        for now in [Moment(1), Moment(u64::MAX)] {
            assert!(expression.evaluate(&node, now).is_none_or(f64::is_finite));
        }
    }
    assert_eq!(Expression::parse(text), Ok(expression), "it is what it is");
}
