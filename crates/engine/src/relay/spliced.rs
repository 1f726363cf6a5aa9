//! Bytes in a pipe are held like any others: counted, delivered before whatever comes after them, and never
//! anybody else's.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SendFlags, Shutdown, send, shutdown, sockopt};

use super::means::{Means, connected};
use super::*;
use crate::ending::reset_at_close;
use crate::report::Event;
use crate::sys::at_mark;

const MANY: usize = 8 * PIPE;

/// A direction that carries bulk, from a sender to a receiver that does not read yet.
struct Stage {
    flow: Flow,
    means: Means,
    sender: UnixStream,
    source: UnixStream,
    sink: UnixStream,
    receiver: UnixStream,
}

impl Stage {
    fn with_pipes(each: usize) -> Stage {
        let ((source, sender), (sink, receiver)) = (connected(), connected());
        let mut flow = Flow::new();
        flow.bulk = true;
        Stage { flow, means: Means::with_pipes(each), sender, source, sink, receiver }
    }

    /// With so much sent, and then an urgent byte, of which nobody has told.
    fn with_urgent(before: usize) -> Stage {
        let mut stage = Stage::with_pipes(2);
        for end in [&stage.source, &stage.receiver] {
            sockopt::set_socket_oobinline(end, true).expect("inline");
        }
        stage.sender.write_all(&vec![b'.'; before]).expect("room for all of it");
        send(&stage.sender, b"!", SendFlags::OOB).expect("room for one");
        stage
    }

    /// The urgent byte is received as one, in its place.
    fn receives_urgent_after(&mut self, count: usize) {
        let (mut bytes, mut before) = (vec![0; MANY], 0);
        while before < count {
            before += self.receiver.read(&mut bytes).unwrap_or(0);
        }
        assert_eq!((before, at_mark(&self.receiver)), (count, Ok(true)));
        assert_eq!(self.receiver.read(&mut bytes[..1]).expect("the urgent one"), 1);
        assert_eq!(bytes[0], b'!');
    }

    fn pump(&mut self) -> Pumped {
        self.flow.pump(self.source.as_fd(), self.sink.as_fd(), &mut self.means.turn(false))
    }

    /// Sends until nothing more is taken; how much that was.
    fn stall(&mut self) -> usize {
        let (mut sent, bytes) = (0, vec![b'.'; MANY]);
        loop {
            let count = self.sender.write(&bytes).unwrap_or(0);
            sent += count;
            if self.pump() == Pumped::Waiting && count == 0 && self.flow.held() > 0 {
                return sent;
            }
        }
    }

    /// What the receiver has got when nothing more is under way.
    fn received(&mut self) -> usize {
        self.receiver.set_nonblocking(false).expect("blocking");
        self.receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("patient");
        let mut all = Vec::new();
        // Ends with an end or a reset, and never with silence.
        let error = self.receiver.read_to_end(&mut all).err();
        assert!(error.is_none_or(|error| error.kind() != std::io::ErrorKind::WouldBlock));
        all.len()
    }
}

fn holds_pipe(flow: &Flow) -> bool {
    flow.held.as_ref().is_some_and(|held| held.rest().is_empty())
}

#[test]
fn an_end_comes_after_what_is_in_the_pipe() {
    let mut stage = Stage::with_pipes(2);
    let sent = stage.stall();
    assert!(holds_pipe(&stage.flow));
    assert!(stage.flow.held() <= PIPE);
    stage.sender.shutdown(std::net::Shutdown::Write).expect("ended");
    stage.flow.note_hangup();
    assert_eq!(stage.pump(), Pumped::Waiting, "the end is not read before the pipe is empty");
    let Stage { mut flow, mut means, source, sink, mut receiver, sender: _sender } = stage;
    let reader = std::thread::spawn(move || {
        receiver.set_nonblocking(false).expect("blocking");
        let mut all = Vec::new();
        receiver.read_to_end(&mut all).map(|_| all.len())
    });
    while flow.pump(source.as_fd(), sink.as_fd(), &mut means.turn(false)) != Pumped::Delivered {}
    assert_eq!((flow.held(), flow.delivered()), (0, sent as u64));
    shutdown(&sink, Shutdown::Write).expect("passed on");
    assert_eq!(reader.join().expect("read").expect("an end"), sent);
    assert_eq!(means.pipes.waiting(), 1, "given back when it was empty");
}

#[test]
fn a_pipe_that_was_kept_comes_back_when_it_is_empty() {
    let mut stage = Stage::with_pipes(2);
    stage.stall();
    let before = stage.means.pipes.waiting();
    let mut bytes = vec![0; MANY];
    while !stage.flow.flush(&mut stage.sink.as_fd(), &mut stage.means.pipes).expect("room in the end") {
        let _ = stage.receiver.read(&mut bytes);
    }
    assert_eq!(stage.means.pipes.waiting(), before + 1);
}

#[test]
fn a_reset_is_told_after_what_is_in_the_pipe() {
    let mut stage = Stage::with_pipes(2);
    let sent = stage.stall();
    assert!(holds_pipe(&stage.flow));
    reset_at_close(&stage.sender);
    let (held, read) = (stage.flow.held(), stage.flow.read());
    stage.sender = connected().0;
    stage.flow.note_last_words(true);
    assert_eq!(stage.pump(), Pumped::Waiting, "the sink takes nothing");
    assert_eq!((stage.flow.held(), stage.flow.read()), (held, read), "and so nothing more was read");
    let mut bytes = vec![0; MANY];
    while stage.flow.held() > 0 {
        let _ = stage.receiver.read(&mut bytes);
        match stage.pump() {
            Pumped::SourceBroke(_) | Pumped::Delivered => break,
            other => assert!(matches!(other, Pumped::Waiting | Pumped::More), "{other:?}"),
        }
    }
    // A reset takes what the kernel had received with it; what was read before is delivered.
    assert_eq!(stage.flow.held(), 0);
    assert!((read..=sent as u64).contains(&stage.flow.delivered()));
}

#[test]
fn what_a_sink_did_not_take_from_the_pipe_was_not_delivered() {
    let mut stage = Stage::with_pipes(2);
    stage.stall();
    let (held, delivered) = (stage.flow.held(), stage.flow.delivered());
    reset_at_close(&stage.receiver);
    stage.receiver = connected().0;
    assert!(matches!(stage.pump(), Pumped::SinkBroke(_)));
    assert_eq!((stage.flow.held(), stage.flow.delivered()), (held, delivered));
    // Its pipe goes with it, and leaves a place for another.
    let other = stage.means.pipes.take().expect("the other one");
    assert!(stage.means.pipes.take().is_none());
    stage.flow = Flow::new();
    let fresh = stage.means.pipes.take().expect("a new one");
    assert_eq!((other.holds(), fresh.holds()), (0, 0));
}

#[test]
fn what_a_broken_sink_never_took_was_not_delivered() {
    let mut stage = Stage::with_pipes(2);
    reset_at_close(&stage.receiver);
    stage.receiver = connected().0;
    stage.sender.write_all(b"too late").expect("room");
    let broke = loop {
        match stage.pump() {
            Pumped::Waiting => stage.flow.bulk = true,
            other => break other,
        }
    };
    assert!(matches!(broke, Pumped::SinkBroke(_)), "{broke:?}");
    assert_eq!((stage.flow.held(), stage.flow.delivered()), (8, 0));
}

#[test]
fn the_last_pipe_is_never_kept() {
    let mut stage = Stage::with_pipes(1);
    let sent = stage.stall();
    assert!(!holds_pipe(&stage.flow));
    assert!((1..=BUFFER).contains(&stage.flow.held()), "{} bytes held", stage.flow.held());
    assert_eq!(stage.means.pipes.waiting(), 1);
    drop(stage.source);
    let Stage { mut flow, mut means, sink, mut receiver, .. } = stage;
    let (gone, nobody) = connected();
    drop(nobody);
    let mut received = 0;
    let mut bytes = vec![0; MANY];
    while flow.held() > 0 {
        received += receiver.read(&mut bytes).unwrap_or(0);
        flow.pump(gone.as_fd(), sink.as_fd(), &mut means.turn(false));
    }
    drop(sink);
    let mut stage = Stage { flow, means, sink: connected().0, source: gone, sender: connected().0, receiver };
    received += stage.received();
    assert_eq!(received as u64, stage.flow.delivered());
    assert!(received <= sent);
}

#[test]
fn an_urgent_byte_in_bulk_stays_urgent_and_in_its_place() {
    const BEFORE: usize = 200 * 1024;
    let mut stage = Stage::with_urgent(BEFORE);
    stage.sender.write_all(&[b','; BEFORE]).expect("room for all of it");
    while stage.flow.delivered() < BEFORE as u64 {
        stage.flow.bulk = true;
        stage.pump();
    }
    stage.flow.bulk = true;
    assert_eq!(stage.pump(), Pumped::Waiting);
    assert_eq!(stage.means.pipes.waiting(), 1, "one is enough for all fillings");
    assert_eq!(stage.flow.delivered(), BEFORE as u64, "nobody has told us, but it is not passed over");
    stage.flow.note_urgent();
    while stage.flow.delivered() < (2 * BEFORE + 1) as u64 {
        stage.pump();
    }
    stage.receives_urgent_after(BEFORE);
}

/// The way back to copying: of the mark that stopped the pipe short no event may have told yet.
#[test]
fn an_urgent_byte_behind_the_last_of_bulk_stays_urgent() {
    const BEFORE: usize = 10 * 1024;
    let mut stage = Stage::with_urgent(BEFORE);
    shutdown(&stage.sender, Shutdown::Write).expect("ended");
    let arrived = PollFlags::RDHUP;
    poll(&mut [PollFd::new(&stage.source, arrived)], None).expect("all of it is there");
    assert_eq!(stage.pump(), Pumped::Delivered);
    assert_eq!(stage.flow.delivered(), BEFORE as u64 + 1);
    stage.receives_urgent_after(BEFORE);
}

#[test]
fn frugal_turns_and_replays_take_nothing_into_pipes() {
    let mut stage = Stage::with_pipes(2);
    stage.sender.write_all(&[0; BUFFER / 4]).expect("room");
    let turn = (READS_PER_TURN * FRUGAL_READ) as u64;
    while stage.flow.delivered() < turn {
        stage.flow.pump(stage.source.as_fd(), stage.sink.as_fd(), &mut stage.means.turn(true));
    }
    assert_eq!(stage.flow.delivered(), turn);
    assert!(!stage.flow.bulk);
    stage.flow.keep_for_replay();
    stage.flow.bulk = true;
    stage.sender.write_all(b"again").expect("room");
    while stage.flow.delivered() < (BUFFER / 4 + 5) as u64 {
        stage.pump();
    }
    stage.flow.rewind();
    assert_eq!(stage.flow.held(), BUFFER / 4 - READS_PER_TURN * FRUGAL_READ + 5);
}

#[test]
fn there_are_as_many_pipes_as_there_may_be() {
    let Means { mut pipes, .. } = Means::with_pipes(2);
    assert!(pipes.can_spare());
    let (one, two) = (pipes.take().expect("one"), pipes.take().expect("two"));
    assert!(pipes.take().is_none() && !pipes.can_spare());
    pipes.give_back(one);
    assert_eq!(pipes.waiting(), 1, "it is not made anew");
    assert!(pipes.can_spare() && pipes.take().is_some(), "what is dropped here makes room");
    drop(two);
    assert!(pipes.take().is_some());
    assert!(Means::with_pipes(0).pipes.take().is_none());
}

#[test]
fn a_pipe_with_bytes_in_it_does_not_come_back() {
    let ((source, mut sender), mut means) = (connected(), Means::with_pipes(1));
    sender.write_all(b"secret").expect("room");
    let mut pipe = means.pipes.take().expect("one");
    while pipe.fill(source.as_fd(), PIPE).is_err() {}
    assert_eq!(pipe.holds(), 6);
    means.pipes.give_back(pipe);
    assert_eq!(means.pipes.take().expect("a new one").holds(), 0);
}

#[test]
fn where_the_kernel_gives_only_small_pipes_bulk_is_copied_and_that_is_told_once() {
    let mut stage = Stage::with_pipes(2);
    stage.means = Means::with_pipes_of(2, 1 << 31);
    for sent in 1..4u64 {
        stage.flow.bulk = true;
        stage.sender.write_all(&[0; BUFFER / 4]).expect("room");
        while stage.flow.delivered() < sent * BUFFER as u64 / 4 {
            stage.pump();
        }
    }
    let told = stage.means.events.take();
    assert!(matches!(&told[..], [Event::Warning { message }] if message.contains("pipe")), "{told:?}");
}
