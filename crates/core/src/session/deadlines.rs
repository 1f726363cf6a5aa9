//! What time does to a session (law 12): the earliest of all limits that hold in its phase is its deadline.

use std::time::Duration;

use super::{Action, CloseReason, Failure, Phase, Session, TimeLimits};
use crate::failover::Circumstances;
use crate::moment::Moment;

impl Session {
    /// The moment at which [`Event::Deadline`] is due; moves as the session goes on.
    #[must_use]
    pub fn deadline(&self, limits: &TimeLimits) -> Moment {
        let after =
            |from: Moment, span: Duration| if span.is_zero() { Moment::NEVER } else { from.after(span) };
        let (cluster, idle) = (self.cluster.as_ref(), after(self.active_at, limits.idle));
        match (self.phase, cluster) {
            (Phase::Connecting, _) if self.put_off => Moment::NEVER,
            (Phase::Connecting, Some(cluster)) => after(self.attempt_at, cluster.limits.connect_timeout)
                .min(after(self.tried_from, cluster.limits.failover_timeout)),
            (Phase::Ended, _) => Moment::NEVER,
            (phase, _) => {
                let quiet = phase == Phase::Quiet;
                let first_byte = quiet.then(|| after(self.tried_from, limits.first_byte));
                let half_close = self.first_closed.map(|_| after(self.active_at, limits.half_close));
                let pause = quiet.then(|| self.pause_ends()).flatten();
                let trial = quiet.then(|| self.trial_ends()).flatten();
                [first_byte, half_close, pause, trial].into_iter().flatten().fold(idle, Moment::min)
            }
        }
    }

    pub(super) fn deadline_passed(&mut self, limits: &TimeLimits, at: Circumstances) -> Action {
        if at.now < self.deadline(limits) {
            return Action::Continue;
        }
        let over = |from: Moment, span: Duration| !span.is_zero() && at.now >= from.after(span);
        match self.phase {
            Phase::Connecting if self.had_its_time(at.now) => self.failed(Failure::TimedOut, at),
            // The session's time is up, not the node's, which may have been tried for a moment only.
            Phase::Connecting => self.move_on(Failure::TimedOut, at),
            Phase::Quiet if over(self.tried_from, limits.first_byte) => {
                self.end(CloseReason::FirstByteTimeout, false)
            }
            _ if over(self.active_at, limits.idle) => self.end(CloseReason::IdleTimeout, false),
            _ if self.first_closed.is_some() && over(self.active_at, limits.half_close) => {
                self.end(CloseReason::HalfCloseTimeout, false)
            }
            _ => {
                self.stayed(at.now);
                Action::Continue
            }
        }
    }

    /// Whether the attempt under way has lasted for `connect_timeout`.
    fn had_its_time(&self, now: Moment) -> bool {
        self.cluster
            .as_ref()
            .is_none_or(|cluster| now >= self.attempt_at.after(cluster.limits.connect_timeout))
    }

    /// Until when a trial that nobody spoke in has to stay: that long a broken node would not.
    fn trial_ends(&self) -> Option<Moment> {
        let cluster = self.cluster.as_ref().filter(|_| self.on_trial)?;
        Some(self.attempt_at.after(cluster.limits.early_close_window))
    }

    /// The node has stayed until now without a word.
    fn stayed(&mut self, now: Moment) {
        if self.pause_ends().is_some_and(|end| now >= end) {
            self.prove_node();
        }
        if self.trial_ends().is_some_and(|end| now >= end) {
            self.mark_up();
        }
    }
}
