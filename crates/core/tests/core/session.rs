//! Sessions as traces: what happened, and what was to be done. Names of the laws are those of the
//! design's section on the data path.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::affinity::OnFailover;
use protobalance_core::failover::{Trace, Why, preview};
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, Health};
use protobalance_core::policy;
use protobalance_core::session::{Action, CloseReason, Event, Failure, News, Phase, Side, TimeLimits};

use crate::homes::affine;
use crate::model;
use crate::stage::{CLIENT, LIMITS, Stage, end};

#[test]
fn a_session_that_goes_well() {
    let stage = Stage::new(2);
    let mut played = stage.open();
    assert_eq!(played.action, Action::Attempt(0));
    assert_eq!(stage.active(), [1, 0]);
    assert_eq!(played.on(&stage, Event::Connected), Action::Continue);
    assert_eq!(played.on(&stage, Event::SpokeToNode), Action::Continue);
    assert_eq!(played.on(&stage, Event::SpokeToClient), Action::Continue);
    assert_eq!(played.session.phase(), Phase::Talking);
    assert!(played.session.cluster().is_none(), "a session that can go nowhere else keeps no plan alive");
    assert_eq!(played.on(&stage, Event::Closed(Side::Client)), Action::PassOn(Side::Client));
    assert_eq!(played.on(&stage, Event::Closed(Side::Node)), Action::PassOn(Side::Node));
    assert_eq!(played.on(&stage, Event::Finished), end(CloseReason::ClientClosed, false));
    assert_eq!(stage.active(), [0, 0]);
    assert_eq!(played.on(&stage, Event::Reset(Side::Node)), Action::Continue, "it ends once");
}

#[test]
fn law_3_a_node_that_fails_before_any_byte_is_passed_over_unseen() {
    for event in [
        Event::Failed(Failure::Refused),
        Event::Failed(Failure::Unreachable),
        Event::Failed(Failure::TimedOut),
        Event::Failed(Failure::Unresolved),
    ] {
        let stage = Stage::new(2);
        let mut played = stage.open();
        assert_eq!(played.on(&stage, event), Action::Attempt(1), "{event:?}");
        assert!(matches!(stage.node("a").health(stage.now), Health::Down { .. }), "{event:?}");
        assert_eq!(stage.active(), [0, 1]);
    }
    for event in [Event::Closed(Side::Node), Event::Reset(Side::Node), Event::Vanished(Side::Node)] {
        let stage = Stage::new(3);
        let mut played = stage.open();
        assert_eq!(played.on(&stage, event), Action::Attempt(1), "{event:?} while connecting");
        played.session.take_news();
        played.on(&stage, Event::Connected);
        assert_eq!(played.on(&stage, event), Action::Attempt(2), "{event:?}");
        assert!(matches!(played.session.take_news()[..], [News::Down(..)]), "{event:?}");
    }
}

#[test]
fn law_7_a_last_candidates_clean_end_is_passed_on_as_one() {
    let stage = Stage::new(2);
    for (last, reset) in [(Event::Closed(Side::Node), false), (Event::Reset(Side::Node), true)] {
        let mut played = stage.open();
        let mut action = played.action;
        while matches!(action, Action::Attempt(_)) {
            played.on(&stage, Event::Connected);
            action = played.on(&stage, last);
        }
        assert_eq!(action, end(CloseReason::NoNode, reset), "{last:?}");
    }
}

#[test]
fn law_3_after_the_first_byte_a_sessions_fate_is_its_nodes() {
    for first in [Event::SpokeToNode, Event::SpokeToClient] {
        let stage = Stage::new(2);
        let mut played = stage.open();
        played.on(&stage, Event::Connected);
        played.on(&stage, first);
        assert_eq!(played.on(&stage, Event::Reset(Side::Node)), end(CloseReason::NodeReset, true));
        assert_eq!(
            stage.node("a").health(stage.now),
            Health::Up,
            "a reset after bytes is no failure of the node"
        );
    }
}

#[test]
fn law_3_a_client_that_leaves_brings_no_node_into_disrepute() {
    let stage = Stage::new(2);
    let mut played = stage.open();
    played.on(&stage, Event::Connected);
    assert_eq!(played.on(&stage, Event::Closed(Side::Client)), Action::PassOn(Side::Client));
    assert_eq!(played.on(&stage, Event::Closed(Side::Node)), Action::PassOn(Side::Node));
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
}

#[test]
fn law_3_a_late_close_is_the_nodes_idle_limit() {
    let mut stage = Stage::new(2);
    let mut played = stage.open();
    played.on(&stage, Event::Connected);
    stage.later(2001);
    assert_eq!(played.on(&stage, Event::Closed(Side::Node)), Action::PassOn(Side::Node));
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
}

#[test]
fn replay_moves_unanswered_bytes_and_blames_only_what_another_node_disproves() {
    let stage = Stage::with(2, |cluster| cluster.limits.replay_unanswered = true);
    let mut played = stage.open();
    played.on(&stage, Event::Connected);
    played.on(&stage, Event::SpokeToNode);
    assert_eq!(played.session.phase(), Phase::Unanswered);
    assert_eq!(played.on(&stage, Event::Reset(Side::Node)), Action::Attempt(1));
    assert_eq!(stage.node("a").health(stage.now), Health::Up, "perhaps the request was at fault");
    played.on(&stage, Event::Connected);
    played.on(&stage, Event::SpokeToNode);
    played.on(&stage, Event::SpokeToClient);
    assert!(matches!(stage.node("a").health(stage.now), Health::Down { .. }), "b answered the same bytes");
    assert_eq!(played.on(&stage, Event::Reset(Side::Node)), end(CloseReason::NodeReset, true));
}

#[test]
fn law_2_the_order_of_choice() {
    let stage = Stage::with(5, |cluster| {
        cluster.nodes[0].fallbacks = Box::new([3, 2]);
        cluster.nodes[4].weight = 0;
    });
    stage.node("d").set_admin_state(AdminState::Draining);
    let mut played = stage.open();
    let mut order = vec![played.node().to_owned()];
    while let Action::Attempt(_) = played.on(&stage, Event::Failed(Failure::Refused)) {
        order.push(played.node().to_owned());
    }
    // The policy's choice, its fallbacks (d drains), the policy's others, then who has no weight.
    assert_eq!(order, ["a", "c", "b", "e"]);
    assert_eq!(played.action, end(CloseReason::NoNode, true));
    use Why::{Fallback, Next, Policy};
    let whys: Vec<Why> = played.attempts().into_iter().map(|(_, why, _)| why).collect();
    assert_eq!(whys, [Policy, Fallback, Next, Next]);
}

#[test]
fn law_2_when_every_node_is_down_each_is_tried_once_more() {
    let mut stage = Stage::new(3);
    for node in &stage.cluster.nodes {
        node.state.mark_down(Moment(99_000_000));
    }
    stage.node("b").set_admin_state(AdminState::Offline);
    stage.later(10);
    let mut played = stage.open();
    assert_eq!(played.node(), "a");
    played.on(&stage, Event::Failed(Failure::Refused));
    assert_eq!(played.node(), "c");
    assert_eq!(played.on(&stage, Event::Failed(Failure::Refused)), end(CloseReason::NoNode, true));
    assert!(played.attempts().iter().all(|(_, why, _)| *why == Why::LastResort));
}

#[test]
fn law_2_is_bounded_by_its_timeouts() {
    let mut stage = Stage::new(30);
    let mut played = stage.open();
    let mut attempts = 1;
    loop {
        assert_eq!(played.on(&stage, Event::Deadline), Action::Continue, "not before its time");
        stage.now = played.session.deadline(&LIMITS);
        match played.on(&stage, Event::Deadline) {
            Action::Attempt(_) => attempts += 1,
            action => break assert_eq!(action, end(CloseReason::FailoverTimeout, true)),
        }
    }
    assert_eq!(attempts, 5, "ten seconds hold five attempts of two");
    assert_eq!(stage.now, Moment(11_000_000));
}

#[test]
fn a_node_tried_for_the_rest_of_the_sessions_time_only_is_not_blamed() {
    let mut stage = Stage::with(2, |cluster| cluster.limits.failover_timeout = Duration::from_millis(2100));
    let mut played = stage.open();
    stage.later(2000);
    assert_eq!(played.on(&stage, Event::Deadline), Action::Attempt(1));
    stage.later(100);
    assert_eq!(played.on(&stage, Event::Deadline), end(CloseReason::FailoverTimeout, true));
    assert!(matches!(stage.node("a").health(stage.now), Health::Down { .. }));
    assert_eq!(stage.node("b").health(stage.now), Health::Up);
}

#[test]
fn law_4_one_trial_decides_about_a_node_that_was_down() {
    let mut stage = Stage::new(2);
    let mut first = stage.open();
    first.on(&stage, Event::Failed(Failure::Refused));
    stage.later(4999);
    let before: Vec<String> = (0..4).map(|_| stage.open().node().to_owned()).collect();
    assert_eq!(before, ["b", "b", "b", "b"]);
    stage.later(1);
    let mut trial = stage.open();
    assert_eq!(trial.node(), "a", "its time is up");
    let meanwhile: Vec<String> = (0..4).map(|_| stage.open().node().to_owned()).collect();
    assert_eq!(meanwhile, ["b", "b", "b", "b"], "only one session tries");
    trial.on(&stage, Event::Connected);
    trial.on(&stage, Event::SpokeToNode);
    assert_ne!(stage.node("a").health(stage.now), Health::Up, "that it took bytes proves nothing");
    trial.on(&stage, Event::SpokeToClient);
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
    assert!(matches!(trial.session.take_news()[..], [News::Up(_)]));
}

#[test]
fn law_4_a_silent_trial_passes_by_staying() {
    let mut stage = Stage::new(1);
    stage.node("a").mark_down(stage.now);
    let mut trial = stage.open();
    trial.on(&stage, Event::Connected);
    stage.now = trial.session.deadline(&LIMITS);
    assert_eq!(trial.on(&stage, Event::Deadline), Action::Continue);
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
    assert_eq!(trial.session.deadline(&LIMITS), Moment(1_000_000).after(LIMITS.idle));
}

#[test]
fn law_5_draining_keeps_sessions_and_offline_ends_them() {
    let stage = Stage::new(2);
    let mut talking = stage.open();
    talking.on(&stage, Event::Connected);
    talking.on(&stage, Event::SpokeToNode);
    stage.node("b").set_admin_state(AdminState::Draining);
    let mut connecting = stage.open();
    stage.node("a").set_admin_state(AdminState::Draining);
    for played in [&mut talking, &mut connecting] {
        assert_eq!(played.node(), "a");
        assert_eq!(
            played.on(&stage, Event::AdminStateChanged),
            Action::Continue,
            "draining keeps its sessions"
        );
    }
    stage.node("a").set_admin_state(AdminState::Offline);
    stage.node("b").set_admin_state(AdminState::Available);
    assert_eq!(talking.on(&stage, Event::AdminStateChanged), end(CloseReason::NodeOffline, true));
    assert_eq!(
        connecting.on(&stage, Event::AdminStateChanged),
        Action::Attempt(1),
        "nothing was promised yet"
    );
    assert_eq!(stage.node("a").failed(), 0, "what the operator does is not the node's failure");
}

#[test]
fn a_plan_that_withdraws_a_node_is_not_swayed_by_the_next_that_wants_it() {
    let stage = Stage::with(2, |cluster| cluster.nodes[0].admin_state = AdminState::Draining);
    assert_eq!(stage.node("a").admin_state(), AdminState::Available, "the next plan raised it");
    assert_eq!(stage.open().node(), "b");
    assert_eq!(stage.open().node(), "b");
}

#[test]
fn a_session_still_on_its_way_goes_on_by_the_newer_plan() {
    let (old, new) = (Stage::new(1), Stage::new(3));
    let mut played = old.open();
    old.node("a").set_admin_state(AdminState::Offline);
    played.session.rebase(Arc::clone(&new.cluster));
    assert_eq!(played.on(&old, Event::AdminStateChanged), Action::Attempt(0));
    assert_eq!(
        played.on(&old, Event::Failed(Failure::Refused)),
        Action::Attempt(1),
        "only what was tried is passed over"
    );
    played.on(&old, Event::Connected);
    played.on(&old, Event::SpokeToNode);
    played.session.rebase(Arc::clone(&old.cluster));
    assert!(played.session.cluster().is_none(), "its fate is sealed");
}

#[test]
fn a_newer_plan_knows_by_its_own_order_who_was_tried() {
    let old = Stage::new(3);
    let states: Vec<_> = old.cluster.nodes.iter().map(|node| Arc::clone(&node.state)).collect();
    let new = Stage::with(3, |cluster| {
        for (node, state) in cluster.nodes.iter_mut().zip(states.iter().cycle().skip(1)) {
            node.state = Arc::clone(state);
        }
    });
    let mut played = old.open();
    played.on(&old, Event::Failed(Failure::Refused));
    played.session.rebase(Arc::clone(&new.cluster));
    played.on(&new, Event::Failed(Failure::Refused));
    let action = played.on(&new, Event::Failed(Failure::Refused));
    let names: Vec<_> = played.attempts().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["a", "b", "c"], "nobody twice: {action:?}");
}

#[test]
fn shortages_of_ours_are_not_held_against_the_node() {
    let stage = Stage::new(2);
    let mut played = stage.open();
    assert_eq!(played.on(&stage, Event::Failed(Failure::OurShortage)), Action::Attempt(1));
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
}

#[test]
fn no_time_passes_for_an_attempt_that_waits_for_us() {
    let mut stage = Stage::new(2);
    let mut played = stage.open();
    played.session.put_off();
    stage.later(60_000);
    assert_eq!(played.session.deadline(&LIMITS), Moment::NEVER);
    assert_eq!(played.on(&stage, Event::Deadline), Action::Continue);
    played.session.begin_again(stage.now);
    assert_eq!(played.session.deadline(&LIMITS), stage.now.after(Duration::from_secs(2)));
    assert_eq!(played.on(&stage, Event::Deadline), Action::Continue);
    assert_eq!(stage.node("a").health(stage.now), Health::Up);
    played.session.put_off();
    stage.later(60_000);
    stage.node("a").set_admin_state(AdminState::Offline);
    assert_eq!(played.on(&stage, Event::AdminStateChanged), Action::Attempt(1), "nor for the next one");
    assert_eq!(played.session.deadline(&LIMITS), stage.now.after(Duration::from_secs(2)));
}

#[test]
fn law_12_limits_of_time() {
    let limits = TimeLimits {
        idle: Duration::from_secs(30),
        first_byte: Duration::from_secs(5),
        half_close: Duration::from_secs(2),
    };
    let mut stage = Stage::new(1);
    let mut silent = stage.open();
    silent.on(&stage, Event::Connected);
    let mut talking = stage.open();
    talking.on(&stage, Event::Connected);
    talking.on(&stage, Event::SpokeToClient);
    let mut halved = stage.open();
    halved.on(&stage, Event::Connected);
    halved.on(&stage, Event::SpokeToClient);
    halved.on(&stage, Event::Closed(Side::Client));
    for (played, after, reason) in [
        (&mut halved, 2, CloseReason::HalfCloseTimeout),
        (&mut silent, 5, CloseReason::FirstByteTimeout),
        (&mut talking, 30, CloseReason::IdleTimeout),
    ] {
        stage.now = Moment(1_000_000).after(Duration::from_secs(after));
        assert_eq!(played.session.deadline(&limits), stage.now, "{reason:?}");
        assert_eq!(played.session.on(Event::Deadline, &limits, stage.at()), end(reason, false));
    }
}

#[test]
fn a_preview_is_what_happens_next_and_changes_nothing() {
    let stage = affine(OnFailover::Return);
    for _ in 0..3 {
        let seen = preview(&stage.cluster, IpAddr::from(CLIENT), stage.at(), &mut Trace::empty());
        assert_eq!(seen, Some((0, Why::Policy)));
    }
    assert_eq!(stage.active(), [0, 0, 0]);
    let opened = stage.open();
    assert_eq!((opened.node(), opened.attempts()[0].1), ("a", Why::Policy));
}

#[test]
fn a_preview_is_no_visit_and_no_trial() {
    let mut stage = affine(OnFailover::Return);
    let seen = |stage: &Stage| preview(&stage.cluster, IpAddr::from(CLIENT), stage.at(), &mut Trace::empty());
    assert_eq!(stage.open().node(), "a");
    stage.later(3_000_000);
    stage.node("a").mark_down(stage.now);
    assert_eq!(seen(&stage), Some((0, Why::Affinity)), "it is due for a trial");
    assert_eq!(stage.open().node(), "a", "so the trial was not claimed by the preview");
    stage.node("a").mark_up();
    stage.later(3_000_000);
    assert_eq!(seen(&stage), Some((0, Why::Affinity)));
    stage.later(1_000_000);
    assert_eq!(seen(&stage).map(|(_, why)| why), Some(Why::Policy), "the client was unseen for too long");
}

/// Rates would send it every client until it had as many new sessions a second as the others.
#[test]
fn a_node_that_comes_back_has_its_share_and_no_more() {
    let by_rate = policy::named("connection-rate", &model::settings(&[])).expect("a known policy");
    let mut stage = Stage::with(3, |cluster| cluster.policy = by_rate);
    let _ = stage.node("a").mark_down(stage.now.after(Duration::from_secs(60)));
    for _ in 0..599 {
        stage.later(100);
        stage.open();
    }
    stage.later(100);
    let mut trial = stage.open();
    assert_eq!(trial.node(), "a");
    for event in [Event::Connected, Event::SpokeToNode, Event::SpokeToClient] {
        trial.on(&stage, event);
    }
    let taken = (0..30).filter(|_| stage.open().node() == "a").count();
    assert!((9..=11).contains(&taken), "{taken} of 30");
}
