//! The TLS handshake of an arrival whose TLS ends here. It is read as it comes, since it has answers;
//! all that it takes is bounded by what one handshake may be, and by `preface_timeout`.

use protobalance_core::session::CloseReason;

use super::{Arrival, Look, Stage};
use crate::plan::Listener;
use crate::tls::{Broken, words};

const ENDED: &str = "ended within its TLS handshake";

/// What comes behind everything that is only looked at.
pub(super) fn stage(listener: &Listener) -> Stage {
    if listener.tls.is_some() { Stage::Handshake } else { Stage::Whole }
}

pub(super) fn look(arrival: &mut Arrival) -> Look {
    let newcomer = &mut arrival.newcomer;
    if newcomer.tls.is_none() {
        newcomer.tls = newcomer.listener.tls.as_ref().and_then(|inward| inward.link());
    }
    // Without one there is no randomness left, and nothing that TLS could be spoken with.
    let Some(link) = &mut newcomer.tls else { return Look::Refuse(CloseReason::Stopped, "") };
    match link.shake_hands(&newcomer.socket) {
        Ok(true) => {
            arrival.stage = Stage::Whole;
            Look::Done
        }
        Ok(false) => Look::Wait,
        Err(Broken::Ended) => Look::Refuse(CloseReason::BadPreface, ENDED),
        Err(Broken::Socket(_)) => Look::Refuse(CloseReason::ClientReset, ENDED),
        Err(Broken::Tls(error)) => Look::Refuse(CloseReason::BadPreface, words(&error)),
    }
}
