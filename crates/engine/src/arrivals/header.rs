//! The PROXY header of an arrival. It is believed only from where the listener trusts it: a stranger is
//! refused where one is required; where it is optional, a stranger is served as if there were none, and
//! what it sends is its own, whatever it looks like.

use protobalance_core::session::CloseReason;
use protobalance_core::wire::Parse;
use protobalance_core::wire::proxy_protocol::{Header, LONGEST, Malformed, parse};

use super::{Arrival, Look, Stage, handshake, peek, take};
use crate::newcomer::Newcomer;
use crate::plan::{Listener, ProxyProtocol};

const STRANGER: &str = "not in proxy_protocol_from";
const ENDED: &str = "ended within its PROXY header";

/// Where the preface of a connection begins.
pub(super) fn first_stage(newcomer: &Newcomer) -> Stage {
    let Some(preface) = &newcomer.listener.preface else { return Stage::Whole };
    let trusted = preface.proxy_protocol_from.iter().any(|prefix| prefix.contains(newcomer.address.ip()));
    match (preface.proxy_protocol, trusted) {
        (ProxyProtocol::Off, _) | (ProxyProtocol::Optional, false) => after(&newcomer.listener),
        (ProxyProtocol::Optional, true) => Stage::Header { optional: true },
        (ProxyProtocol::Required, true) => Stage::Header { optional: false },
        (ProxyProtocol::Required, false) => Stage::Stranger,
    }
}

/// Whether a header may come that says who the client is.
pub(crate) fn names_client(newcomer: &Newcomer) -> bool {
    matches!(first_stage(newcomer), Stage::Header { .. })
}

/// What comes behind the header.
fn after(listener: &Listener) -> Stage {
    let named = listener.preface.as_ref().is_some_and(|preface| preface.client_hello);
    if named { Stage::Hello } else { handshake::stage(listener) }
}

/// Whether a client that has said nothing in time may have meant to send no header: where it waits
/// for the node to speak first.
pub(super) fn may_be_missing(arrival: &Arrival) -> bool {
    matches!(arrival.stage, Stage::Header { optional: true })
        && matches!(peek(arrival, &mut [0], 1), Err(Look::Wait))
}

pub(super) fn look(arrival: &mut Arrival, buffer: &mut [u8]) -> Look {
    match read(arrival, buffer) {
        Ok(()) => Look::Known,
        Err(look) => look,
    }
}

fn read(arrival: &mut Arrival, buffer: &mut [u8]) -> Result<(), Look> {
    let Stage::Header { optional } = arrival.stage else {
        return Err(Look::Refuse(CloseReason::BadPreface, STRANGER));
    };
    match parse(peek(arrival, buffer, LONGEST)?) {
        Ok(Parse::Incomplete { .. }) if arrival.ended => {
            return Err(Look::Refuse(CloseReason::BadPreface, ENDED));
        }
        Ok(Parse::Incomplete { needed }) => {
            arrival.needed = needed;
            return Err(Look::Wait);
        }
        Ok(Parse::Complete { value, used }) => {
            take(arrival, buffer, used)?;
            believe(&mut arrival.newcomer, value);
        }
        Err(Malformed::NoHeader) if optional => {}
        Err(malformed) => return Err(Look::Refuse(CloseReason::BadPreface, malformed.reason())),
    }
    arrival.needed = 0;
    arrival.stage = after(&arrival.newcomer.listener);
    Ok(())
}

fn believe(newcomer: &mut Newcomer, header: Header) {
    if let Header::Proxied { source, destination } = header {
        let via = std::mem::replace(&mut newcomer.address, source);
        let learned = newcomer.learned();
        learned.via = Some(via);
        learned.destination = Some(destination);
    }
}
