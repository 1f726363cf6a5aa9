//! What a session does when its sockets take little, end or break: nothing is lost, nothing stands still.

use std::io::Write;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Duration;

use protobalance_core::session::Side;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::stage::Stage;
use crate::ending::reset_at_close;
use crate::pair::other;
use crate::relay::means::Random;
use crate::relay::{Manner, Sink};
use crate::sys::{unacknowledged, unsent};
use crate::tls::End;
use crate::tls::tests::joined;

const SIDES: [Side; 2] = [Side::Client, Side::Node];
const PIECE: usize = 64 * 1024;
/// At a slow reader in 3 s: each waits as long as all before.
const MOST_LOOKS: usize = 10;

/// Has a side say more than the other, which does not read, is given.
fn stall(stage: &mut Stage, from: Side) -> usize {
    let (mut said, piece) = (0, vec![b'.'; PIECE]);
    loop {
        let count = stage.end(from).write(&piece).unwrap_or(0);
        said += count;
        if !stage.look() && count == 0 && stage.pair().expect("open").flow_from(from).held() > 0 {
            return said;
        }
    }
}

fn active_now(stage: &mut Stage) -> bool {
    let now = stage.worker.at.now;
    stage.pair().expect("open").session.active_at() == now
}

#[test]
fn room_is_asked_for_only_where_there_was_none() {
    for from in SIDES {
        let mut stage = Stage::new();
        assert!(!*stage.pair().expect("open").awaits_room(Side::Client));
        let said = stall(&mut stage, from);
        assert!(*stage.pair().expect("open").awaits_room(other(from)));
        let mut heard = 0;
        while heard < said {
            heard += stage.hear(other(from), PIECE).len();
        }
        assert_eq!((heard, stage.pair().expect("open").held()), (said, 0));
    }
}

/// What is held leaves in pieces where a slow peer takes little at a time; meanwhile nothing is read.
#[test]
fn a_slow_reader_is_not_idle() {
    for from in SIDES {
        let mut stage = Stage::new();
        let near = stage.pair().expect("open").socket(other(from)).expect("a socket");
        sockopt::set_socket_send_buffer_size(near, 4096).expect("small");
        stage.hold(from, 16 * PIECE);
        while stage.look() {}
        stage.worker.at.now = stage.worker.at.now.after(Duration::from_secs(30));
        let flow = stage.pair().expect("open").flow_from(from);
        let (read, delivered) = (flow.read(), flow.delivered());
        while stage.pair().expect("open").flow_from(from).delivered() == delivered {
            stage.hear(other(from), 1024);
        }
        assert_eq!(stage.pair().expect("open").flow_from(from).read(), read, "nothing more was read");
        assert!(active_now(&mut stage), "{from:?}");
    }
}

/// Law 7: as long as it takes something, what was written before a reset still arrives.
#[test]
fn a_reset_waits_for_a_slow_reader() {
    for from in SIDES {
        let mut stage = Stage::new();
        let said = stall(&mut stage, from);
        while stage.pair().expect("open").flow_from(from).delivered() <= said as u64 {
            stage.hear(other(from), PIECE);
        }
        // Its kernel has held the rest for long when the reset comes.
        stage.pass(Duration::from_secs(30));
        broken(&mut stage, from);
        stage.until(|pair| pair.closing.is_some());
        all_arrives_slowly(&mut stage, other(from));
    }
}

/// The same where there is more than its kernel takes, which does not tell of less room than a third.
#[test]
fn a_reset_waits_for_a_slow_reader_behind_a_full_socket() {
    for from in SIDES {
        let mut stage = Stage::new();
        let near = stage.pair().expect("open").socket(other(from)).expect("a socket");
        sockopt::set_socket_send_buffer_size(near, 16 * PIECE).expect("large");
        sockopt::set_socket_recv_buffer_size(stage.end(other(from)), PIECE).expect("small");
        stall(&mut stage, from);
        stage.pass(Duration::from_secs(30));
        broken(&mut stage, from);
        assert!(stage.pair().is_some_and(|pair| pair.closing.is_none()), "there is more to write");
        all_arrives_slowly(&mut stage, other(from));
    }
}

/// Has a side read a piece every few seconds, until the session is over.
fn all_arrives_slowly(stage: &mut Stage, side: Side) {
    let (mut pieces, mut left) = (0, u32::MAX);
    stage.pass(Duration::from_secs(3));
    while stage.pair().is_some() {
        let before = left_for(stage, side);
        while left_for(stage, side) == before {
            stage.read(side, PIECE);
        }
        (pieces, left) = (pieces + 1, left_for(stage, side));
        while stage.look() {}
        let looks = stage.pass(Duration::from_secs(3));
        assert!(looks <= MOST_LOOKS, "looked at {looks} times");
        let given_up = stage.pair().is_some_and(|pair| pair.closing.is_some() && pair.held() > 0);
        assert!(!given_up, "after {pieces} pieces");
    }
    assert_eq!(left, 0, "bytes were still on their way after {pieces} pieces");
    assert!(pieces > 2, "it was not slow");
}

/// Law 7, the other half: who takes nothing hears of the reset all the same.
#[test]
fn a_reset_does_not_wait_for_who_takes_nothing() {
    for from in SIDES {
        let mut stage = Stage::new();
        stall(&mut stage, from);
        broken(&mut stage, from);
        stage.pass(Duration::from_secs(4));
        assert!(stage.pair().is_some(), "it is not late yet");
        stage.pass(Duration::from_secs(2));
        assert!(stage.pair().is_none());
    }
}

/// The same where much was left to read when the reset came, and it stalls in a later turn.
#[test]
fn a_reset_does_not_wait_for_who_stalls_behind_it() {
    for from in SIDES {
        let mut stage = Stage::new();
        stall(&mut stage, from);
        stage.pair().expect("open").flow_from(from).note_last_words(true);
        stage.worker.go_on(stage.key, from);
        stage.pass(Duration::from_secs(11));
        assert!(stage.pair().is_none());
    }
}

/// Breaks a side's connection, and has that noticed.
fn broken(stage: &mut Stage, from: Side) {
    reset_at_close(stage.end(from));
    stage.leave(from);
    while !stage.pair().expect("what it said is still to be delivered").has_failed(from) {
        stage.wait();
    }
}

/// What it left unread is nobody's any more.
#[test]
fn a_reset_does_not_wait_for_who_sent_it() {
    for from in SIDES {
        let mut stage = Stage::new();
        stall(&mut stage, other(from));
        stage.leave(from);
        while stage.pair().is_some() {
            stage.wait();
        }
        assert_eq!(stage.worker.held, 0);
    }
}

/// What of its bytes has not arrived at a side.
fn left_for(stage: &mut Stage, side: Side) -> u32 {
    let socket = stage.pair().expect("the reset waits").socket(side).expect("a socket");
    unacknowledged(socket).expect("asked")
}

/// What it sent before is read to its end, and goes out at once: no end follows that would take it along.
#[test]
fn the_last_bytes_of_a_side_that_broke_do_not_wait_for_an_end() {
    for from in SIDES {
        let mut stage = Stage::new();
        let stayed = other(from);
        stage.end(from).write_all(b"last words").expect("room");
        stage.end(from).shutdown(Shutdown::Write).expect("ended");
        // It is known that nothing follows, but what came before it has not been read yet.
        let near = stage.pair().expect("open").socket(from).expect("a socket");
        poll(&mut [PollFd::new(&near, PollFlags::RDHUP)], None).expect("it arrives");
        stage.pair().expect("open").flow_from(from).note_hangup();
        stage.worker.sink_broke(stage.key, from, Errno::PIPE);
        if let Some(pair) = stage.pair() {
            assert_eq!(unsent(pair.socket(stayed).expect("a socket")), Ok(0), "{from:?}");
        }
        let mut heard = Vec::new();
        while heard.len() < 10 {
            heard.extend(stage.hear(stayed, 10));
        }
        assert_eq!(heard, b"last words");
    }
}

/// Nothing else need ever be said to the client.
#[test]
fn an_answer_of_tls_goes_out_when_there_is_room() {
    let mut tls = joined();
    tls.settle();
    let (near, far) = (tls.near, tls.far);
    let mut stage = Stage::opened((near, far.try_clone().expect("a descriptor")), Some(tls.server));
    let mut filler = 0;
    while let Ok(count) = (&far).write(&[0; 1000]) {
        filler += count;
    }
    let pair = stage.pair().expect("open");
    let link = pair.client_tls.as_mut().expect("it speaks TLS");
    assert_eq!(End::Tls(link, far.as_fd()).send(b"answer", Manner::Plain), Ok(6));
    stage.worker.held += pair.held();
    stage.worker.pump(stage.key, Side::Client);
    let mut heard = 0;
    while heard <= filler {
        heard += stage.hear(Side::Client, PIECE).len();
    }
}

/// Whatever both say, however fast they listen, and whoever ends first: all of it arrives, then the end, and
/// the session is over. Bulk takes to pipes meanwhile, and leaves them.
#[test]
fn whatever_is_said_arrives_and_then_the_end() {
    for seed in 0..40 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let mut stage = Stage::new();
        for side in SIDES {
            if random.below(3) == 0 {
                let size = 4096 << random.below(6);
                let near = stage.pair().expect("open").socket(side).expect("a socket");
                sockopt::set_socket_send_buffer_size(near, size).expect("small");
            }
        }
        let mut talk = SIDES.map(|side| Talk::new(side, &mut random));
        while talk.iter().any(|one| !one.is_over) {
            let mut moved = stage.look();
            for one in &mut talk {
                moved |= random.below(3) > 0 && one.say(&stage, &mut random);
                moved |= random.below(3) > 0 && one.hear(&stage, &mut random);
            }
            if !moved && !talk.iter().any(Talk::may_end) {
                stage.rest(talk.each_ref().map(Talk::waits_for));
            }
        }
        let [to_node, to_client] = talk;
        assert!(to_node.said == to_client.heard && to_client.said == to_node.heard);
        while stage.pair().is_some() {
            stage.wait();
        }
        assert_eq!(stage.worker.held, 0);
    }
}

/// One side of a conversation.
struct Talk {
    side: Side,
    said: Vec<u8>,
    written: usize,
    /// Ends only once the other has.
    waits: bool,
    has_ended: bool,
    heard: Vec<u8>,
    is_over: bool,
}

impl Talk {
    fn new(side: Side, random: &mut Random) -> Talk {
        let size = random.below(3 << 20) >> random.below(12);
        let said = (0..size).map(|_| random.below(256) as u8).collect();
        let waits = side == Side::Client && random.below(2) == 0;
        Talk { side, said, written: 0, waits, has_ended: false, heard: Vec::new(), is_over: false }
    }

    /// Whether it could say something, or end.
    fn say(&mut self, stage: &Stage, random: &mut Random) -> bool {
        let most = 1 << random.below(20);
        let next = (self.written + most).min(self.said.len());
        let count = stage.end(self.side).write(&self.said[self.written..next]).unwrap_or(0);
        self.written += count;
        let ends = self.may_end();
        if ends {
            self.has_ended = true;
            stage.end(self.side).shutdown(Shutdown::Write).expect("ended");
        }
        count > 0 || ends
    }

    fn may_end(&self) -> bool {
        !self.has_ended && self.written == self.said.len() && (self.is_over || !self.waits)
    }

    fn waits_for(&self) -> (Side, PollFlags) {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::OUT, self.written < self.said.len());
        flags.set(PollFlags::IN, !self.is_over);
        (self.side, flags)
    }

    /// Whether it heard something, or the end.
    fn hear(&mut self, stage: &Stage, random: &mut Random) -> bool {
        if self.is_over || !stage.has_come(self.side) {
            return false;
        }
        let bytes = stage.read(self.side, 1 << random.below(18));
        self.is_over = bytes.is_empty();
        self.heard.extend(bytes);
        true
    }
}
