//! The ClientHello of an arrival, for the name in it. It is looked at and left where it is: the node, or
//! whoever ends the client's TLS, is to read all of it.

use protobalance_core::session::CloseReason;
use protobalance_core::wire::Parse;
use protobalance_core::wire::tls_hello::{LONGEST, parse};

use super::{Arrival, Look, handshake, peek};

const ENDED: &str = "ended within its TLS ClientHello";

pub(super) fn look(arrival: &mut Arrival, buffer: &mut [u8]) -> Look {
    match read(arrival, buffer) {
        Ok(()) => Look::Done,
        Err(look) => look,
    }
}

fn read(arrival: &mut Arrival, buffer: &mut [u8]) -> Result<(), Look> {
    match parse(peek(arrival, buffer, LONGEST)?) {
        Ok(Parse::Incomplete { .. }) if arrival.ended => Err(Look::Refuse(CloseReason::BadPreface, ENDED)),
        Ok(Parse::Incomplete { needed }) => {
            arrival.needed = needed;
            Err(Look::Wait)
        }
        Ok(Parse::Complete { value, .. }) => {
            if let Some(name) = value.server_name {
                arrival.newcomer.learned().server_name = Some(name);
            }
            arrival.needed = 0;
            arrival.stage = handshake::stage(&arrival.newcomer.listener);
            Ok(())
        }
        Err(malformed) => Err(Look::Refuse(CloseReason::BadPreface, malformed.reason())),
    }
}
