//! Affinity as traces of sessions: law 6 of the design's section on the data path.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::affinity::{Affinity, NodeIds, OnFailover, Table};
use protobalance_core::failover::{Skip, Trace, Why, preview};
use protobalance_core::node::AdminState;
use protobalance_core::session::{Event, Failure};

use crate::stage::{CLIENT, Stage};

pub(crate) fn affine(on_failover: OnFailover) -> Stage {
    Stage::with(3, |cluster| {
        cluster.affinity = Some(Affinity {
            table: Arc::new(Table::in_memory(1000, [1; 16])),
            idle: Duration::from_secs(3600),
            prefix_v4: 32,
            prefix_v6: 64,
            on_failover,
            ids: NodeIds::shared([0, 1, 2]),
        });
    })
}

#[test]
fn law_6_a_client_comes_home_again() {
    let mut stage = affine(OnFailover::Return);
    assert_eq!(stage.open().node(), "a");
    assert_eq!(stage.open().node(), "a", "parallel connections of one client belong together");
    stage.node("a").mark_down(stage.now.after(Duration::from_secs(5)));
    let elsewhere = stage.open();
    assert_ne!(elsewhere.node(), "a");
    stage.node("a").mark_up();
    let home = stage.open();
    assert_eq!((home.node(), home.attempts()[0].1), ("a", Why::Affinity));
    stage.node("a").set_admin_state(AdminState::Draining);
    assert_ne!(stage.open().node(), "a", "draining takes none, affine ones included");
    stage.node("a").set_admin_state(AdminState::Available);
    stage.later(3_601_000);
    assert_ne!(stage.open().attempts()[0].1, Why::Affinity, "unseen for longer than idle");
}

#[test]
fn law_6_or_it_moves_for_good() {
    let stage = affine(OnFailover::Move);
    assert_eq!(stage.open().node(), "a");
    stage.node("a").mark_down(stage.now.after(Duration::from_secs(5)));
    let refuge = stage.open().node().to_owned();
    stage.node("a").mark_up();
    assert_eq!(stage.open().node(), refuge);
}

#[test]
fn law_6_a_home_that_cannot_is_replaced_by_its_fallbacks() {
    let mut stage = affine(OnFailover::Return);
    let cluster = Arc::get_mut(&mut stage.cluster).expect("nobody else has it");
    cluster.nodes[0].fallbacks = Box::new([2]);
    assert_eq!(stage.open().node(), "a");
    stage.node("a").mark_down(stage.now.after(Duration::from_secs(5)));
    let played = stage.open();
    assert_eq!((played.node(), played.attempts()[0].1), ("c", Why::Fallback));
    let mut trace = Trace::empty();
    let seen = preview(&stage.cluster, IpAddr::from(CLIENT), stage.at(), &mut trace);
    assert_eq!(seen, Some((2, Why::Fallback)));
    assert_eq!(trace.home().map(|home| (home.node, home.skip)), Some((0, Skip::Down)));
}

#[test]
fn a_node_that_failed_a_client_at_first_sight_is_not_its_home() {
    let stage = affine(OnFailover::Return);
    let mut played = stage.open();
    played.on(&stage, Event::Failed(Failure::Refused));
    assert_eq!(played.node(), "b");
    stage.node("a").mark_up();
    assert_eq!(stage.open().node(), "b");
}
