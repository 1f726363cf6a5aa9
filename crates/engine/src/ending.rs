//! How a session comes to its end: half-closes passed on, and resets that wait until everything written
//! before them has arrived (law 7).

use std::os::fd::AsFd;
use std::time::Duration;

use protobalance_core::moment::Moment;
use protobalance_core::session::{CloseReason, Event, Side};
use rustix::net::sockopt;

use crate::pair::{Pair, other};
use crate::worker::Worker;

/// How soon a reset that waits for delivery looks, and how long it waits for a peer that takes nothing.
/// Without us between, the peer would have heard of it at once, and got what its kernel held by then.
const LINGER_ROUND: Duration = Duration::from_millis(10);
const LINGER_LIMIT: Duration = Duration::from_secs(5);

impl Worker {
    /// Ends the direction that `side` fed, towards the other side.
    pub(crate) fn pass_on(&mut self, key: u32, side: Side) {
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.is_through() && pair.session.first_closed() != Some(side) && self.say_goodbye(key) {
            return self.step(key, Event::Finished);
        }
        self.in_account(key, |pair| pair.end_towards(other(side)));
        self.arm(key);
    }

    /// Ends a session whose last words only waited for a socket to take them.
    pub(crate) fn finish_if_said(&mut self, key: u32) {
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.closing.is_none() && pair.is_through() && self.say_goodbye(key) {
            self.step(key, Event::Finished);
        }
    }

    fn say_goodbye(&mut self, key: u32) -> bool {
        self.in_account(key, Pair::say_goodbye).unwrap_or(true)
    }

    /// What a session does with bytes that it holds outside of a turn.
    pub(crate) fn in_account<T>(&mut self, key: u32, act: impl FnOnce(&mut Pair) -> T) -> Option<T> {
        let pair = self.table.get_mut(key)?;
        let held = pair.held();
        let outcome = act(pair);
        self.held = self.held + pair.held() - held;
        for side in [Side::Client, Side::Node] {
            self.await_room(key, side);
        }
        Some(outcome)
    }

    pub(crate) fn end(&mut self, key: u32, reason: CloseReason, reset: bool) {
        let Some(pair) = self.table.get_mut(key) else { return };
        pair.closing = Some(reason);
        if !reset && pair.held() == 0 {
            // Where a limit of time ended it, a socket that takes nothing now will not be waited for.
            self.say_goodbye(key);
            return self.finish(key);
        }
        if survivor(reason).is_none_or(|side| look_at_delivery(pair, side, self.at.now) == 0) {
            return self.cut_off(key);
        }
        // Data written before a reset still arrives (law 7): the reset waits for it.
        self.timer.arm(key, self.at.now.after(LINGER_ROUND));
    }

    /// Lets a session go by resets, at once.
    pub(crate) fn cut_off(&mut self, key: u32) {
        let Some(pair) = self.table.get_mut(key) else { return };
        reset_on_close(pair);
        self.finish(key);
    }

    /// A side broke, and the other takes nothing of what it said before: once that has lasted for too
    /// long, the reset waits no more. The session's timer has rung.
    pub(crate) fn give_up_delivery(&mut self, key: u32) {
        let now = self.at.now;
        let Some(pair) = self.table.get_mut(key) else { return };
        let Some(side) = broken_behind_a_stall(pair) else { return };
        look_at_delivery(pair, other(side), now);
        if now >= pair.session.active_at().after(LINGER_LIMIT) {
            let error = pair.take_error(side);
            self.side_broke(key, side, error);
        }
    }

    /// Resets a side once everything for it has arrived.
    pub(crate) fn close_if_delivered(&mut self, key: u32) {
        let Some(pair) = self.table.get_mut(key) else { return };
        let Some(side) = pair.closing.and_then(survivor) else { return };
        let left = look_at_delivery(pair, side, self.at.now);
        let idle = self.at.now.since(pair.session.active_at());
        if left > 0 && idle < LINGER_LIMIT {
            // The longer it has taken nothing, the less often: a crowd of slow readers must not keep us busy.
            let round = idle.min(LINGER_LIMIT - idle).max(LINGER_ROUND);
            return self.timer.arm(key, self.at.now.after(round));
        }
        self.cut_off(key);
    }
}

/// The side that is still to get what was written for it before it is reset, if one is.
pub(crate) fn survivor(reason: CloseReason) -> Option<Side> {
    match reason {
        CloseReason::NodeReset => Some(Side::Client),
        CloseReason::ClientReset => Some(Side::Node),
        _ => None,
    }
}

/// When a session with a broken side is given up for want of a reader.
pub(crate) fn delivery_deadline(pair: &mut Pair, now: Moment) -> Moment {
    let Some(side) = broken_behind_a_stall(pair) else { return Moment::NEVER };
    if pair.undelivered == 0 {
        look_at_delivery(pair, other(side), now);
    }
    pair.session.active_at().after(LINGER_LIMIT)
}

/// The side that broke while the other would not take what it had said.
fn broken_behind_a_stall(pair: &mut Pair) -> Option<Side> {
    let (client, node) = (pair.has_failed(Side::Client), pair.has_failed(Side::Node));
    match () {
        () if client && pair.waits_for(Side::Node) => Some(Side::Client),
        () if node && pair.waits_for(Side::Client) => Some(Side::Node),
        () => None,
    }
}

/// What is undelivered of a side's bytes. That it is not what it was shows a reader: epoll tells of one only
/// once a third of what the kernel holds has gone. Where nobody has looked before, it is from now on.
fn look_at_delivery(pair: &mut Pair, side: Side, now: Moment) -> u32 {
    let left = undelivered(pair, side);
    if left != std::mem::replace(&mut pair.undelivered, left) {
        pair.session.touch(now);
    }
    left
}

/// Bytes for the side that are still on their way: held by us, or not acknowledged by its kernel. None are
/// to a side that is gone itself, or was never there.
fn undelivered(pair: &mut Pair, side: Side) -> u32 {
    if pair.has_failed(side) || pair.socket(side).is_none() {
        return 0;
    }
    // What else waits, of TLS or an introduction, is not counted but waited for.
    let held = (pair.flow_from(other(side)).held() as u32).max(u32::from(pair.waits_for(side)));
    let written = pair.socket(side).and_then(|socket| crate::sys::unacknowledged(socket).ok());
    held + written.unwrap_or(0)
}

/// Makes the closing of both sockets a reset, so that nobody takes it for a clean end.
fn reset_on_close(pair: &Pair) {
    reset_at_close(&pair.client);
    if let Some(node) = &pair.node {
        reset_at_close(node);
    }
}

pub(crate) fn reset_at_close(socket: impl AsFd) {
    // It fails only where there is no connection any more.
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}
