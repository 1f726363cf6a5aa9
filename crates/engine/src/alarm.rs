//! What wakes a worker when the next of its deadlines comes.
//!
//! Law: it never rings late, and it is set only where it would. A wait that is told how long it may last
//! has the kernel set a timer and take it back every time, whatever comes meanwhile; this one stays set
//! when events come first, and where deadlines move off, as they do with every event, it rings in vain once.

use std::os::fd::OwnedFd;
use std::time::Duration;

use protobalance_core::moment::Moment;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::token::Token;

/// One worker's alarm; its event is [`Token::Alarm`].
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: OwnedFd,
    rings_at: Moment,
}

impl Alarm {
    /// One that `epoll` tells of. Each ring is an event of its own, so nobody needs to read it.
    pub(crate) fn new(epoll: &OwnedFd) -> Result<Alarm, Errno> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let token = epoll::EventData::new_u64(Token::Alarm.pack());
        epoll::add(epoll, &timer, token, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Alarm { timer, rings_at: Moment::NEVER })
    }

    /// Has it ring within `sleep` from `now`, which is not zero.
    pub(crate) fn ring_within(&mut self, sleep: Duration, now: Moment) {
        let is_spent = self.rings_at <= now;
        let due = now.after(sleep);
        if !is_spent && self.rings_at <= due {
            return;
        }
        // Neither is too large: deadlines are looked at again within seconds, however far they are.
        let value = Timespec { tv_sec: sleep.as_secs() as i64, tv_nsec: i64::from(sleep.subsec_nanos()) };
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        // With a timer of our own and a time within bounds it cannot fail.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
        self.rings_at = due;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm() -> (OwnedFd, Alarm) {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
        let alarm = Alarm::new(&epoll).expect("a timer");
        (epoll, alarm)
    }

    fn rings(epoll: &OwnedFd, patience: i64) -> bool {
        let patience = Timespec { tv_sec: patience, tv_nsec: 0 };
        let mut events = Vec::with_capacity(2);
        epoll::wait(epoll, rustix::buffer::spare_capacity(&mut events), Some(&patience)).expect("a wait");
        events.iter().any(|event| Token::unpack(event.data.u64()) == Token::Alarm)
    }

    #[test]
    fn it_rings_each_time_it_is_set_and_once() {
        let (epoll, mut alarm) = alarm();
        for now in [1_000_000, 1_001_000, 9_000_000] {
            alarm.ring_within(Duration::from_millis(1), Moment(now));
            assert!(rings(&epoll, 60), "{now}");
            assert!(!rings(&epoll, 0), "{now}");
        }
    }

    #[test]
    fn it_is_set_anew_only_for_what_comes_before() {
        let (epoll, mut alarm) = alarm();
        let now = Moment(1_000_000);
        alarm.ring_within(Duration::from_secs(3600), now);
        alarm.ring_within(Duration::from_millis(1), now);
        let soon = alarm.rings_at;
        alarm.ring_within(Duration::from_secs(3600), now);
        assert_eq!(alarm.rings_at, soon);
        assert!(rings(&epoll, 60), "what comes later has not put it off");
    }
}
