//! What nodes and clients are like, and what the engine would tell a session of them: only events that
//! an engine can send in the state it is in (`crates/engine/src/sessions.rs`).

use protobalance_core::moment::Moment;
use protobalance_core::session::{Event, Failure, Phase, Side, TlsFault};

use crate::random::Random;
use crate::visit::Visit;

/// What a node does with connections; changes while they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Answers,
    SpeaksFirst,
    Slow,
    Refuses,
    Unreachable,
    Unresolved,
    /// Its certificate cannot be trusted.
    Impostor,
    BlackHole,
    ResetsAtOnce,
    ClosesAtOnce,
    ClosesLate,
    /// Takes the client's bytes and ends without an answer.
    HangsUp,
    Vanishes,
    /// Not the node's doing: we have no port left.
    OutOfPorts,
}

pub(crate) const MANNERS: [Manner; 17] = [
    Manner::Answers,
    Manner::Answers,
    Manner::Answers,
    Manner::SpeaksFirst,
    Manner::Slow,
    Manner::Refuses,
    Manner::Refuses,
    Manner::Unreachable,
    Manner::Unresolved,
    Manner::Impostor,
    Manner::BlackHole,
    Manner::ResetsAtOnce,
    Manner::ClosesAtOnce,
    Manner::ClosesLate,
    Manner::HangsUp,
    Manner::Vanishes,
    Manner::OutOfPorts,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    SpeaksFirst,
    WaitsForTheNode,
    LeavesAtOnce,
    HalfCloses,
    Silent,
    Resets,
    Vanishes,
}

pub(crate) const CLIENTS: [Client; 7] = [
    Client::SpeaksFirst,
    Client::WaitsForTheNode,
    Client::LeavesAtOnce,
    Client::HalfCloses,
    Client::Silent,
    Client::Resets,
    Client::Vanishes,
];

/// What the engine does next with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Nothing,
    Tell(Event),
    /// Bytes move that are not the first.
    Bytes,
    /// More bytes wait for an answer than can be kept.
    Outgrown,
}

use Happening::{Bytes, Nothing, Outgrown, Tell};

/// What may happen next to a session whose node behaves like that.
pub(crate) fn next(visit: &Visit, manner: Manner, now: Moment, random: &mut Random) -> Happening {
    match visit.session.phase() {
        Phase::Connecting => connecting(manner, random),
        _ if random.one_in(2) => client(visit, random),
        _ => node(visit, manner, now, random),
    }
}

fn connecting(manner: Manner, random: &mut Random) -> Happening {
    match random.below(64) {
        0 => return Tell(Event::Reset(Side::Client)),
        1 => return Tell(Event::Vanished(Side::Client)),
        // The kernel had no memory to watch the socket.
        2 => return Tell(Event::Reset(Side::Node)),
        _ => {}
    }
    match manner {
        Manner::Refuses => Tell(Event::Failed(Failure::Refused)),
        Manner::Unreachable => Tell(Event::Failed(Failure::Unreachable)),
        Manner::Unresolved => Tell(Event::Failed(Failure::Unresolved)),
        Manner::Impostor => Tell(Event::Failed(Failure::Tls(TlsFault::WrongName))),
        Manner::OutOfPorts => Tell(Event::Failed(Failure::OurShortage)),
        Manner::ResetsAtOnce if random.one_in(2) => Tell(Event::Failed(Failure::Reset)),
        Manner::BlackHole if random.one_in(32) => Tell(Event::Failed(Failure::TimedOut)),
        Manner::BlackHole => Nothing,
        _ => Tell(Event::Connected),
    }
}

fn client(visit: &Visit, random: &mut Random) -> Happening {
    if visit.has_ended(Side::Client) {
        return if random.one_in(16) { Tell(Event::Reset(Side::Client)) } else { Nothing };
    }
    let speaks = |random: &mut Random| match visit.session.phase() {
        _ if visit.careful => Nothing,
        Phase::Quiet => Tell(Event::SpokeToNode),
        Phase::Unanswered if random.one_in(8) => Outgrown,
        _ => Bytes,
    };
    let leaves = Tell(Event::Closed(Side::Client));
    match visit.client {
        Client::LeavesAtOnce => leaves,
        Client::HalfCloses if visit.spoke_to_node => leaves,
        Client::SpeaksFirst | Client::HalfCloses if !visit.spoke_to_node => speaks(random),
        Client::Resets if random.one_in(4) => Tell(Event::Reset(Side::Client)),
        Client::Vanishes if random.one_in(4) => Tell(Event::Vanished(Side::Client)),
        Client::Silent => Nothing,
        Client::WaitsForTheNode if !visit.spoke_to_client => Nothing,
        _ if random.one_in(4) => leaves,
        _ => speaks(random),
    }
}

fn node(visit: &Visit, manner: Manner, now: Moment, random: &mut Random) -> Happening {
    if visit.has_ended(Side::Node) {
        return if random.one_in(16) { Tell(Event::Reset(Side::Node)) } else { Nothing };
    }
    let leaves = Tell(Event::Closed(Side::Node));
    let speaks = if visit.spoke_to_client { Bytes } else { Tell(Event::SpokeToClient) };
    match manner {
        Manner::Vanishes => Tell(Event::Vanished(Side::Node)),
        Manner::ResetsAtOnce => Tell(Event::Reset(Side::Node)),
        Manner::ClosesAtOnce => leaves,
        Manner::HangsUp if !visit.spoke_to_node => Nothing,
        Manner::HangsUp if random.one_in(2) => Tell(Event::Reset(Side::Node)),
        Manner::HangsUp => leaves,
        Manner::ClosesLate if now > visit.attempt_at.after(visit.cluster.limits.early_close_window) => leaves,
        Manner::ClosesLate => Nothing,
        Manner::Slow if !random.one_in(16) => Nothing,
        Manner::Answers | Manner::Slow if !visit.spoke_to_node => Nothing,
        _ if visit.spoke_to_client && random.one_in(4) => leaves,
        _ => speaks,
    }
}
