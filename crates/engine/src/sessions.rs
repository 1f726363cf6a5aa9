//! What happens on a session's sockets: their events become turns of its two directions, and what these come
//! to becomes events of `protobalance_core::session`, which [`steps`] has it take.

mod steps;

use protobalance_core::session::{Event, Phase, Side};
use rustix::event::epoll;
use rustix::io::Errno;

use crate::connect;
use crate::pair::other;
use crate::relay::{Pumped, Turn};
use crate::token::Token;
use crate::worker::Worker;

/// Bytes one worker may hold for sinks that do not take them, before it reads in small steps only.
const HELD_BUDGET: usize = 64 * 1024 * 1024;

impl Worker {
    /// Has epoll tell of everything on a side's socket, once per change.
    pub(crate) fn watch(&mut self, key: u32, side: Side) {
        let Some(pair) = self.table.get_mut(key) else { return };
        let room = pair.is_connecting(side) || pair.waits_for(side);
        *pair.awaits_room(side) = room;
        self.tell_epoll(key, side, room, true);
    }

    /// Has epoll tell of room to write, where that is waited for: most sessions never do, and each would
    /// be told at once that there is some.
    pub(crate) fn await_room(&mut self, key: u32, side: Side) {
        let Some(pair) = self.table.get_mut(key) else { return };
        // Until an attempt's connection stands, its socket is watched for that anyway.
        if pair.is_connecting(side) || !pair.waits_for(side) {
            return;
        }
        if !std::mem::replace(pair.awaits_room(side), true) {
            self.tell_epoll(key, side, true, false);
        }
    }

    fn tell_epoll(&mut self, key: u32, side: Side, room: bool, is_new: bool) {
        let epoch = self.table.epoch(key);
        let Some(pair) = self.table.get_mut(key) else { return };
        let attempt = if side == Side::Node { pair.attempt } else { 0 };
        let token = Token::Session { key, epoch, attempt, side }.pack();
        let Some(socket) = pair.socket(side) else { return };
        use epoll::EventFlags as Flags;
        let mut flags = Flags::IN | Flags::RDHUP | Flags::PRI | Flags::ET;
        flags.set(Flags::OUT, room);
        let data = epoll::EventData::new_u64(token);
        let outcome = match is_new {
            true => epoll::add(&self.epoll, socket, data, flags),
            false => epoll::modify(&self.epoll, socket, data, flags),
        };
        if outcome.is_err() {
            // Out of kernel memory: a session that nobody watches would hang for ever.
            self.step(key, Event::Reset(side));
        }
    }

    /// Something happened on a side's socket.
    pub(crate) fn on_socket_event(&mut self, key: u32, attempt: u8, side: Side, flags: epoll::EventFlags) {
        use epoll::EventFlags as Flags;
        let Some(pair) = self.table.get_mut(key) else { return };
        if side == Side::Node && attempt != pair.attempt {
            return;
        }
        let failed = flags.intersects(Flags::ERR | Flags::HUP);
        if flags.contains(Flags::PRI) {
            pair.flow_from(side).note_urgent();
        }
        if failed {
            pair.flow_from(side).note_last_words(flags.contains(Flags::ERR));
        } else if flags.contains(Flags::RDHUP) {
            pair.flow_from(side).note_hangup();
        }
        if pair.is_connecting(side) && !self.attempt_event(key, flags) {
            return;
        }
        let arrived = flags.intersects(Flags::IN | Flags::RDHUP | Flags::PRI);
        if failed || (arrived && self.table.get_mut(key).is_some_and(|pair| pair.flow_from(side).is_free())) {
            self.pump(key, side);
        }
        let blocked = self.table.get_mut(key).is_some_and(|pair| pair.waits_for(side));
        if flags.contains(Flags::OUT) && blocked {
            self.pump(key, other(side));
            self.finish_if_said(key);
        }
        if failed {
            self.arm(key);
        }
        self.close_if_delivered(key);
    }

    /// Another turn of a direction that had more when its last one was up.
    pub(crate) fn go_on(&mut self, key: u32, side: Side) {
        let Some(pair) = self.table.get_mut(key) else { return };
        pair.flow_from(side).begin_turn();
        let failed = pair.flow_from(side).failed();
        self.pump(key, side);
        if failed {
            // The other side may have stalled only now.
            self.arm(key);
        }
        self.close_if_delivered(key);
    }

    /// One turn of the direction that `side` feeds, and what follows from it.
    pub(crate) fn pump(&mut self, key: u32, side: Side) {
        self.pump_ahead(key, side, None);
    }

    /// Whether reads are to be small.
    pub(crate) fn is_frugal(&self) -> bool {
        self.held > HELD_BUDGET
    }

    /// The same, where its first read was made before.
    pub(crate) fn pump_ahead(&mut self, key: u32, side: Side, ahead: Option<rustix::io::Result<usize>>) {
        let frugal = self.is_frugal();
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.is_connecting(side) {
            // What became of the attempt is for its own event to say.
            return;
        }
        if side == Side::Client && pair.session.holds_client() && !pair.to_node.failed() {
            // Its time comes with the deadline, or with the node's first word; that of ours is now.
            if let Some(Pumped::SinkBroke(error)) = pair.finish_introduction() {
                self.sink_broke(key, Side::Node, error);
            }
            return;
        }
        if pair.node.is_none() && pair.has_failed(side) {
            // An attempt waits for a descriptor; this client waits no more, and epoll tells it once.
            let error = pair.take_error(side);
            return self.side_broke(key, side, error);
        }
        let (held, moved) = (pair.held(), pair.moved());
        let mut turn = Turn { buffer: &mut self.buffer, pipes: &mut self.pipes, frugal };
        let pumped = pair.pump_from(side, ahead, &mut turn);
        let replied = side == Side::Node && pair.ftp.is_some();
        self.held = self.held + pair.held() - held;
        if pair.moved() != moved {
            pair.session.touch(self.at.now);
            if !std::mem::replace(&mut pair.dirty, true) {
                self.mark_dirty(key);
            }
            self.note_first_bytes(key, side);
        }
        if replied {
            self.after_replies(key);
        }
        // Whom it was read from may be owed an answer of TLS.
        for side in [side, other(side)] {
            self.await_room(key, side);
        }
        self.after_pump(key, side, pumped);
    }

    /// Tells the session of the first bytes each way; they decide about its fate.
    fn note_first_bytes(&mut self, key: u32, side: Side) {
        let Some(pair) = self.table.get_mut(key) else { return };
        let phase = pair.session.phase();
        match side {
            Side::Client => {
                pair.tune_for_small_writes();
                if phase == Phase::Connecting {
                    // A write that succeeds shows that the connection stands.
                    self.step(key, Event::Connected);
                }
                if matches!(phase, Phase::Connecting | Phase::Quiet) {
                    self.step(key, Event::SpokeToNode);
                    self.arm(key);
                }
            }
            Side::Node => {
                if pair.to_client.tell_start() {
                    return;
                }
                pair.to_node.forget_replay();
                if pair.session.holds_client() {
                    self.unfinished.push((key, Side::Client));
                }
                self.step(key, Event::SpokeToClient);
            }
        }
        if let Some(pair) = self.table.get_mut(key) {
            match pair.session.phase() {
                Phase::Talking => pair.route = None,
                Phase::Unanswered if !pair.to_node.can_replay() => pair.session.give_up_replay(),
                _ => {}
            }
        }
    }

    fn after_pump(&mut self, key: u32, side: Side, pumped: Pumped) {
        match pumped {
            Pumped::Waiting => {}
            Pumped::More => {
                let Some(pair) = self.table.get_mut(key) else { return };
                if pair.flow_from(side).put_off() {
                    self.unfinished.push((key, side));
                }
            }
            Pumped::Delivered => self.side_ended(key, side),
            Pumped::SourceBroke(error) => self.side_broke(key, side, error),
            Pumped::SinkBroke(error) => self.sink_broke(key, other(side), error),
        }
    }

    /// A side has ended its direction, and everything before was written.
    fn side_ended(&mut self, key: u32, side: Side) {
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.closing.is_some() || (pair.session.phase() == Phase::Connecting && side == Side::Client) {
            return;
        }
        if pair.broken == Some(side) {
            // What looks like an end is the rest of a connection that broke.
            return self.step(key, Event::Reset(side));
        }
        if pair.flow_from(side).failed() {
            // A reset that follows an end is not read any more: only the socket's state tells.
            let error = pair.take_error(side);
            return self.side_broke(key, side, error);
        }
        if pair.flow_from(side).tell_end() || (side == Side::Node && self.client_left_first(key)) {
            return;
        }
        self.step(key, Event::Closed(side));
    }

    pub(crate) fn side_broke(&mut self, key: u32, side: Side, error: Errno) {
        if side == Side::Node && self.client_left_first(key) {
            return;
        }
        self.step(key, if error == Errno::TIMEDOUT { Event::Vanished(side) } else { Event::Reset(side) });
    }

    /// A write to a side failed. What that side had sent before is delivered before its end is told.
    fn sink_broke(&mut self, key: u32, side: Side, error: Errno) {
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.session.phase() == Phase::Connecting {
            return self.fail_later(key, connect::failure(error));
        }
        if error == Errno::TIMEDOUT {
            return self.step(key, Event::Vanished(side));
        }
        // No end will follow its last bytes that they could wait for.
        pair.flow_from(side).note_last_words(false);
        match pair.broken.replace(side) {
            None => self.pump(key, side),
            Some(_) => {
                // Nobody is left to deliver anything to.
                pair.broken = Some(Side::Node);
                self.step(key, Event::Reset(Side::Client));
            }
        }
    }

    /// Where a silent node ends, looks whether the client has left already: then it is no failure of
    /// the node's (law 3). True if the client's end was the news.
    fn client_left_first(&mut self, key: u32) -> bool {
        let Some(pair) = self.table.get_mut(key) else { return true };
        if !matches!(pair.session.phase(), Phase::Quiet | Phase::Unanswered) {
            return false;
        }
        if pair.session.first_closed().is_some() {
            return false;
        }
        let waiting = pair.to_node.held() > 0;
        match pair.client_has_ended() {
            Ok(true) if !waiting => {
                pair.session.stop_holding();
                // Read like any other end, so that it is told once and counts as read.
                self.pump(key, Side::Client);
                false
            }
            Ok(_) => false,
            Err(_) => {
                self.step(key, Event::Reset(Side::Client));
                true
            }
        }
    }
}

#[cfg(test)]
mod stage;

#[cfg(test)]
mod tests;
