//! A session's steps: an event in, and what `protobalance_core::session` makes of it carried out. That its time
//! has come is an event like others.

use std::sync::Arc;

use protobalance_core::session::{Action, Event, News, Phase, Side};

use crate::ending::{delivery_deadline, survivor};
use crate::pair::other;
use crate::report::Event as Told;
use crate::worker::Worker;

impl Worker {
    /// One step of the session, and all that follows from it.
    pub(crate) fn step(&mut self, key: u32, event: Event) {
        if !matches!(event, Event::Connected | Event::SpokeToNode | Event::SpokeToClient) {
            self.keep_up_with_plan(key);
        }
        let at = self.draw();
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.closing.is_some() {
            return;
        }
        let limits = pair.listener.time_limits;
        let action = pair.session.on(event, &limits, at);
        for news in pair.session.take_news() {
            self.tell(&news);
        }
        self.carry_out(key, action);
        if matches!(action, Action::Attempt(_)) || matches!(event, Event::Failed(_)) {
            self.note_attempts(key);
        }
    }

    pub(crate) fn carry_out(&mut self, key: u32, action: Action) {
        match action {
            Action::Continue => {}
            Action::Attempt(index) => self.attempt(key, usize::from(index)),
            Action::PassOn(side) => self.pass_on(key, side),
            Action::End { reason, reset } => self.end(key, reason, reset),
        }
    }

    /// Has a session that may still go elsewhere go on by the plan in force: its own may name nobody
    /// any more who takes clients.
    fn keep_up_with_plan(&mut self, key: u32) {
        let Some(pair) = self.table.get_mut(key) else { return };
        let Some(route) = pair.route.as_ref().filter(|_| !pair.session.pinned()) else { return };
        let Some(listener) = self.plan.listener(&pair.listener.name) else { return };
        let newest = match pair.follows_name() {
            // A redirect is for those on the default route.
            true => self.plan.route(&route.cluster.name),
            false => Some(&listener.route),
        };
        if let Some(newest) = newest.filter(|newest| !Arc::ptr_eq(newest, route)) {
            pair.session.rebase(Arc::clone(&newest.cluster));
            pair.route = Some(Arc::clone(newest));
            pair.listener = Arc::clone(listener);
        }
    }

    pub(crate) fn on_timer(&mut self, key: u32) {
        let now = self.at.now;
        let Some(pair) = self.table.get_mut(key) else { return };
        if let Some(side) = pair.closing.and_then(survivor) {
            self.pump(key, other(side));
            return self.close_if_delivered(key);
        }
        if pair.session.phase() != Phase::Connecting {
            pair.tune_for_long_life();
        }
        let holds = pair.session.holds_client();
        if pair.session.deadline(&pair.listener.time_limits) <= now {
            self.step(key, Event::Deadline);
        }
        self.give_up_delivery(key);
        self.arm(key);
        if holds {
            self.pump(key, Side::Client);
        }
    }

    /// Sets the session's timer to its next deadline.
    pub(crate) fn arm(&mut self, key: u32) {
        let now = self.at.now;
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.closing.is_none() {
            let deadline =
                pair.session.deadline(&pair.listener.time_limits).min(delivery_deadline(pair, now));
            self.timer.arm(key, deadline);
        }
    }

    fn tell(&self, news: &News) {
        self.shared.events.tell(match news {
            News::Down(node, failure) => Told::NodeDown {
                cluster: node.cluster().into(),
                node: node.name().into(),
                reason: failure.word().into(),
                retry_in_ms: match node.health(self.at.now) {
                    protobalance_core::node::Health::Down { retry_at } => {
                        crate::decisions::millis(retry_at.since(self.at.now))
                    }
                    _ => 0,
                },
            },
            News::Up(node) => Told::NodeUp { cluster: node.cluster().into(), node: node.name().into() },
        });
    }

    pub(crate) fn note_attempts(&mut self, key: u32) {
        if let Some(pair) = self.table.get_mut(key) {
            self.decisions.note(pair.decision, pair.session.attempts());
        }
    }
}
