//! Sessions that belong to one node: the port that the client connected to is that node's.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::affinity::{Affinity, NodeIds, OnFailover, Table};
use protobalance_core::failover::Why;
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, Health, NodeIndex};
use protobalance_core::session::{Action, CloseReason, Event, Failure, Phase, Session, Side};

use crate::stage::{CLIENT, Played, Stage, end};

fn open_at(stage: &Stage, node: NodeIndex) -> Played {
    let (session, action) =
        Session::open_at(IpAddr::from(CLIENT), Arc::clone(&stage.cluster), node, stage.at());
    Played { session, action }
}

#[test]
fn the_node_is_given_whatever_policy_affinity_and_health_say() {
    let affinity = Affinity {
        table: Arc::new(Table::in_memory(1000, [1; 16])),
        idle: Duration::from_secs(60),
        prefix_v4: 32,
        prefix_v6: 64,
        on_failover: OnFailover::Move,
        ids: NodeIds::shared([0, 1, 2]),
    };
    let stage = Stage::with(3, |cluster| {
        cluster.affinity = Some(affinity);
        cluster.nodes[2].max_sessions = 1;
    });
    let affinity = stage.cluster.affinity.as_ref().expect("as set");
    affinity.settle(IpAddr::from(CLIENT), 0, stage.at().unix_now, |_| true);
    stage.cluster.nodes[2].state.mark_down(Moment(u64::MAX));
    for _ in 0..3 {
        let played = open_at(&stage, 2);
        assert_eq!(played.action, Action::Attempt(2));
        assert_eq!(played.attempts(), [("c".into(), Why::Port, None)]);
    }
    assert_eq!(affinity.peek(IpAddr::from(CLIENT), stage.at().unix_now), Some(0), "its home is as before");
    assert_eq!(stage.active(), [0, 0, 3]);
}

#[test]
fn a_draining_node_keeps_its_sessions_whole_and_an_offline_one_has_none() {
    let stage = Stage::new(2);
    stage.node("b").set_admin_state(AdminState::Draining);
    let mut played = open_at(&stage, 1);
    assert_eq!(played.action, Action::Attempt(1));
    stage.node("b").set_admin_state(AdminState::Offline);
    assert_eq!(open_at(&stage, 1).action, end(CloseReason::NoNode, true));
    assert_eq!(played.on(&stage, Event::AdminStateChanged), end(CloseReason::NodeOffline, true));
    assert_eq!(stage.active(), [0, 0]);
    assert_eq!(open_at(&stage, 9).action, end(CloseReason::NoNode, true), "there is no such node");
}

#[test]
fn a_failure_is_the_end_and_blames_nobody() {
    for failure in [Failure::Refused, Failure::Unreachable, Failure::TimedOut, Failure::Reset] {
        let stage = Stage::new(2);
        let mut played = open_at(&stage, 0);
        assert_eq!(played.on(&stage, Event::Failed(failure)), end(CloseReason::NoNode, true));
        assert_eq!(stage.node("a").health(stage.now), Health::Up, "{failure:?}");
        assert_eq!(played.attempts(), [("a".into(), Why::Port, Some(failure))]);
        assert_eq!((played.session.take_news().len(), stage.active()), (0, vec![0, 0]));
    }
    let mut stage = Stage::new(2);
    let mut played = open_at(&stage, 0);
    stage.later(2_000);
    assert_eq!(played.on(&stage, Event::Deadline), end(CloseReason::NoNode, true));
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
}

#[test]
fn an_early_end_is_an_end() {
    let stage = Stage::new(2);
    let mut played = open_at(&stage, 0);
    played.on(&stage, Event::Connected);
    assert_eq!(played.on(&stage, Event::Closed(Side::Node)), Action::PassOn(Side::Node), "an empty file");
    let mut played = open_at(&stage, 0);
    played.on(&stage, Event::Connected);
    assert_eq!(played.on(&stage, Event::Reset(Side::Node)), end(CloseReason::NodeReset, true));
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
}

#[test]
fn success_does_not_make_a_node_up() {
    let stage = Stage::new(1);
    stage.node("a").mark_down(stage.now);
    let mut played = open_at(&stage, 0);
    played.on(&stage, Event::Connected);
    played.on(&stage, Event::SpokeToClient);
    assert_eq!(played.session.phase(), Phase::Talking);
    assert_eq!(stage.node("a").health(stage.now), Health::DueForTrial, "its service is another port's");
    assert!(!stage.node("a").proven());
}

#[test]
fn unanswered_bytes_are_not_replayed_and_a_newer_plan_moves_nobody() {
    let stage = Stage::with(2, |cluster| cluster.limits.replay_unanswered = true);
    let mut played = open_at(&stage, 1);
    played.session.rebase(Arc::clone(&Stage::new(2).cluster));
    played.on(&stage, Event::Connected);
    played.on(&stage, Event::SpokeToNode);
    assert_eq!(played.session.phase(), Phase::Talking, "an upload is never answered");
    assert_eq!(played.on(&stage, Event::Reset(Side::Node)), end(CloseReason::NodeReset, true));
}

#[test]
fn a_silent_upload_casts_no_doubt_and_waits_for_nobody() {
    let stage = Stage::with(1, |cluster| cluster.limits.first_contact_pause = Duration::from_millis(5));
    stage.node("a").prove();
    let mut played = open_at(&stage, 0);
    played.on(&stage, Event::Connected);
    played.on(&stage, Event::SpokeToNode);
    played.on(&stage, Event::Reset(Side::Node));
    assert!(stage.node("a").proven());
    stage.node("a").doubt();
    assert!(!open_at(&stage, 0).session.holds_client());
}
