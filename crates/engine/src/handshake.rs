//! What an attempt's socket tells until its connection stands: that it is connected, and, where TLS is
//! spoken with the node, that both have agreed. Until then nothing of the client's has gone to the
//! node, so any failure moves the session on (law 3).

use protobalance_core::session::{Event, Failure, Side};
use rustix::event::epoll::EventFlags as Flags;

use crate::connect;
use crate::relay::Pumped;
use crate::tls::{Broken, fault};
use crate::worker::Worker;

impl Worker {
    /// An event of a node's socket while the attempt is under way; true if the connection stands now.
    pub(crate) fn attempt_event(&mut self, key: u32, flags: Flags) -> bool {
        let Some(pair) = self.table.get_mut(key) else { return false };
        let failed = flags.intersects(Flags::ERR | Flags::HUP);
        if pair.node_tls.is_some() {
            return self.shake_hands(key, failed);
        }
        if !failed && !flags.contains(Flags::OUT) {
            return false;
        }
        let outcome = if failed { pair.node.as_ref().map_or(Ok(()), connect::outcome) } else { Ok(()) };
        match outcome {
            Ok(()) => {
                self.connected(key, flags.contains(Flags::RDHUP));
                true
            }
            Err(failure) => {
                self.step(key, Event::Failed(failure));
                false
            }
        }
    }

    /// The attempt's connection stands: what waited for it goes out. A node that has ended already
    /// is heard first, while nothing has gone to it.
    fn connected(&mut self, key: u32, ended: bool) {
        self.step(key, Event::Connected);
        self.arm(key);
        if ended {
            self.pump(key, Side::Node);
        }
        self.pump(key, Side::Client);
    }

    /// Goes on with the node's TLS handshake; true once it is done.
    fn shake_hands(&mut self, key: u32, failed: bool) -> bool {
        let Some(pair) = self.table.get_mut(key) else { return false };
        let introduced = match pair.finish_introduction() {
            None => Ok(()),
            Some(Pumped::SinkBroke(error)) => Err(Broken::Socket(error)),
            Some(_) => return false,
        };
        let (Some(link), Some(socket)) = (&mut pair.node_tls, &pair.node) else { return false };
        let failure = match introduced.and_then(|()| link.shake_hands(socket)) {
            Ok(true) => {
                // A node that has agreed has shown that it does more than accept.
                pair.session.stop_holding();
                // The request must not wait until the node has acknowledged the handshake's last words.
                pair.no_delay();
                // What it said along with the handshake is in the link, and no event tells of it.
                self.connected(key, true);
                return true;
            }
            // What the socket said is read now, so its state is all that is left to ask.
            Ok(false) if failed => connect::outcome(socket).err().unwrap_or(Failure::Reset),
            Ok(false) => return false,
            Err(Broken::Socket(error)) => connect::failure(error),
            Err(Broken::Ended) => Failure::ClosedEarly,
            Err(Broken::Tls(error)) => Failure::Tls(fault(&error)),
        };
        self.step(key, Event::Failed(failure));
        false
    }
}
