//! First contact with a node that is not proven: the client's first bytes wait, so that a node that
//! ends at once costs nobody anything (law 3).

use std::time::Duration;

use protobalance_core::node::Health;
use protobalance_core::session::{Action, CloseReason, Event, Failure, Side};

use crate::stage::{LIMITS, Played, Stage, end};

const PAUSE: Duration = Duration::from_millis(20);

fn stage(nodes: usize) -> Stage {
    Stage::with(nodes, |cluster| cluster.limits.first_contact_pause = PAUSE)
}

/// A session whose connection to the first node stands.
fn connected(stage: &Stage) -> Played {
    let mut played = stage.open();
    assert_eq!(played.on(stage, Event::Connected), Action::Continue);
    played
}

#[test]
fn the_first_bytes_wait_until_the_node_speaks() {
    let stage = stage(1);
    assert!(stage.open().session.holds_client(), "also while the connection is under way");
    let mut played = connected(&stage);
    assert!(played.session.holds_client());
    played.on(&stage, Event::SpokeToClient);
    assert!(!played.session.holds_client());
    assert!(!connected(&stage).session.holds_client(), "it is proven");
}

#[test]
fn or_until_the_node_has_stayed_for_the_pause() {
    let mut stage = stage(1);
    let mut played = connected(&stage);
    stage.later(19);
    played.on(&stage, Event::Deadline);
    assert!(played.session.holds_client(), "not before its time");
    stage.later(1);
    assert_eq!(played.session.deadline(&LIMITS), stage.now);
    assert_eq!(played.on(&stage, Event::Deadline), Action::Continue);
    assert!(!played.session.holds_client());
    assert!(stage.node("a").proven());
}

#[test]
fn a_node_that_ends_meanwhile_is_passed_over_and_down() {
    for event in [Event::Closed(Side::Node), Event::Reset(Side::Node)] {
        let stage = stage(2);
        let mut played = connected(&stage);
        assert_eq!(played.on(&stage, event), Action::Attempt(1));
        assert!(matches!(stage.node("a").health(stage.now), Health::Down { .. }));
    }
}

#[test]
fn a_node_that_failed_or_ended_without_a_word_must_prove_itself_again() {
    let stage = stage(1);
    let node = stage.node("a");
    for event in [Event::Closed(Side::Node), Event::Reset(Side::Node)] {
        node.prove();
        let mut played = connected(&stage);
        played.on(&stage, Event::SpokeToNode);
        played.on(&stage, event);
        assert!(!node.proven(), "{event:?}");
        assert_eq!(node.health(stage.now), Health::Up, "the client may have been at fault");
    }
    node.prove();
    stage.open().on(&stage, Event::Failed(Failure::Refused));
    assert!(!node.proven());
}

#[test]
fn a_node_that_answered_or_whose_client_ended_first_is_not_doubted() {
    let stage = stage(1);
    let node = stage.node("a");
    node.prove();
    let mut played = connected(&stage);
    played.on(&stage, Event::SpokeToNode);
    played.on(&stage, Event::SpokeToClient);
    assert_eq!(played.on(&stage, Event::Reset(Side::Node)), end(CloseReason::NodeReset, true));
    let mut played = connected(&stage);
    played.on(&stage, Event::SpokeToNode);
    played.on(&stage, Event::Closed(Side::Client));
    played.on(&stage, Event::Closed(Side::Node));
    assert!(node.proven());
}

#[test]
fn nothing_waits_where_it_can_be_replayed_or_the_operator_does_not_want_it() {
    let replayed = Stage::with(1, |cluster| {
        cluster.limits.first_contact_pause = PAUSE;
        cluster.limits.replay_unanswered = true;
    });
    assert!(!connected(&replayed).session.holds_client());
    assert!(!connected(&Stage::new(1)).session.holds_client());
}
