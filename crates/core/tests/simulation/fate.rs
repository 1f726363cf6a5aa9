//! What must become of a session at an event: laws 3, 5, 7 and 12, said from the truth about it.

use protobalance_core::moment::Moment;
use protobalance_core::node::AdminState;
use protobalance_core::session::{CloseReason, Event, Failure, Side};

use crate::ledger::Ledger;
use crate::visit::Visit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    GoesOn,
    PassedOn(Side),
    /// Its node failed it like this, and is blamed or not; it goes elsewhere.
    MovesOn(Failure, bool),
    Ends(CloseReason, bool),
    /// Its node stayed for as long as a broken one would not have.
    Stayed,
}

use Fate::{Ends, GoesOn, MovesOn, PassedOn, Stayed};

pub(crate) fn fate(visit: &Visit, event: Event, now: Moment, ledger: &Ledger) -> Fate {
    let silent = |failure| match visit.spoke_to_node {
        // Perhaps the client's bytes are at fault.
        true => MovesOn(Failure::Unanswered, false),
        false => MovesOn(failure, true),
    };
    let movable = visit.may_move_on();
    match event {
        Event::Connected | Event::SpokeToNode | Event::SpokeToClient => GoesOn,
        Event::Failed(failure) => MovesOn(failure, failure != Failure::OurShortage && !visit.pinned),
        Event::Closed(Side::Node) if movable && is_early(visit, now) => silent(Failure::ClosedEarly),
        Event::Closed(side) => PassedOn(side),
        Event::Reset(Side::Node) if movable => silent(Failure::Reset),
        Event::Reset(Side::Node) => Ends(CloseReason::NodeReset, true),
        Event::Reset(Side::Client) => Ends(CloseReason::ClientReset, true),
        Event::Vanished(Side::Node) if movable => MovesOn(Failure::TimedOut, true),
        Event::Vanished(_) => Ends(CloseReason::PeerVanished, true),
        Event::Finished if visit.ended_sides.first() == Some(&Side::Client) => {
            Ends(CloseReason::ClientClosed, false)
        }
        Event::Finished => Ends(CloseReason::NodeClosed, false),
        Event::Deadline => at_deadline(visit, now),
        Event::AdminStateChanged if ledger.of(&visit.node).wanted != AdminState::Offline => GoesOn,
        Event::AdminStateChanged if movable => MovesOn(Failure::Withdrawn, false),
        Event::AdminStateChanged => Ends(CloseReason::NodeOffline, true),
        Event::Stopped => Ends(CloseReason::Stopped, true),
    }
}

fn is_early(visit: &Visit, now: Moment) -> bool {
    now.since(visit.attempt_at) <= visit.cluster.limits.early_close_window
}

fn at_deadline(visit: &Visit, now: Moment) -> Fate {
    if now < visit.due() {
        return GoesOn;
    }
    if !visit.connected {
        // A node tried for the rest of the session's time only is not to blame.
        return MovesOn(Failure::TimedOut, visit.had_its_time(now) && !visit.pinned);
    }
    if now >= visit.first_byte_due() {
        Ends(CloseReason::FirstByteTimeout, false)
    } else if now >= visit.idle_due() {
        Ends(CloseReason::IdleTimeout, false)
    } else if now >= visit.half_close_due() {
        Ends(CloseReason::HalfCloseTimeout, false)
    } else {
        Stayed
    }
}
