//! What a direction reads, holds and keeps has its bounds, and nothing is lost at them.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

use super::means::{Means, joined};
use super::replay::REPLAY_LIMIT;
use super::*;

/// Both ends of a connection, the second one not blocking: what a flow reads from or writes to.
fn pair() -> (UnixStream, UnixStream) {
    let (far, near) = UnixStream::pair().expect("a pair");
    near.set_nonblocking(true).expect("not blocking");
    (far, near)
}

fn pump(flow: &mut Flow, source: impl AsFd, sink: impl AsFd, frugal: bool) -> Pumped {
    flow.pump(source.as_fd(), sink.as_fd(), &mut Means::with_pipes(2).turn(frugal))
}

fn some_bytes(count: usize) -> Vec<u8> {
    (0..count).map(|nth| (nth * 7 % 251) as u8).collect()
}

#[test]
fn a_turn_ends_though_there_is_more() {
    let ((mut client, source), (_node, sink)) = (pair(), pair());
    client.write_all(&some_bytes(10 * FRUGAL_READ)).expect("room for all of it");
    let mut flow = Flow::new();
    assert_eq!(pump(&mut flow, &source, &sink, true), Pumped::More);
    assert_eq!(flow.delivered(), (READS_PER_TURN * FRUGAL_READ) as u64);
    assert_eq!(pump(&mut flow, &source, &sink, true), Pumped::Waiting);
    assert_eq!(flow.delivered(), 10 * FRUGAL_READ as u64);
}

/// Gives whatever is asked for.
struct Spring;

impl Source for Spring {
    const SHORT_READ_DRAINS: bool = true;

    fn recv(&mut self, _buffer: &mut [u8], size: usize) -> Result<usize, Errno> {
        Ok(size)
    }

    fn at_mark(&self) -> bool {
        false
    }
}

#[test]
fn a_turn_of_large_reads_ends_by_their_bytes() {
    let (mut flow, mut means) = (Flow::new(), Means::with_pipes(0));
    for _ in 0..3 {
        let before = flow.read();
        assert_eq!(flow.pump(Spring, &mut Notes::default(), &mut means.turn(false)), Pumped::More);
        let turn = BYTES_PER_TURN..BYTES_PER_TURN + BUFFER as u64;
        assert!(turn.contains(&(flow.read() - before)), "{} bytes", flow.read() - before);
    }
}

#[test]
fn a_sink_that_takes_nothing_costs_one_read() {
    let ((mut client, source), (_node, mut sink)) = (pair(), pair());
    client.write_all(&some_bytes(4 * SMALL_READ)).expect("room for all of it");
    while sink.write(&[0; 1000]).is_ok() {}
    let mut flow = Flow::new();
    for _ in 0..3 {
        assert_eq!(pump(&mut flow, &source, &sink, false), Pumped::Waiting);
        assert!((1..=SMALL_READ).contains(&flow.held()), "{} bytes held", flow.held());
    }
}

#[test]
fn a_replay_is_what_was_written_and_what_waited() {
    let ((mut client, source), (first_node, first)) = (pair(), pair());
    sockopt::set_socket_send_buffer_size(&first, 4096).expect("small");
    let said = some_bytes(30_000);
    client.write_all(&said).expect("room for all of it");
    let mut flow = Flow::new();
    flow.keep_for_replay();
    assert_eq!(pump(&mut flow, &source, &first, false), Pumped::Waiting);
    assert!(flow.delivered() > 0 && flow.held() > 0, "{flow:?}");
    drop((first, first_node));
    for _ in 0..2 {
        flow.rewind();
        let (mut node, sink) = pair();
        assert_eq!(pump(&mut flow, &source, &sink, false), Pumped::Waiting);
        drop(sink);
        let mut heard = Vec::new();
        node.read_to_end(&mut heard).expect("read");
        assert_eq!((heard.len(), heard == said), (said.len(), true));
    }
}

#[test]
fn a_copy_that_outgrows_its_limit_is_given_up() {
    let ((mut client, source), (_node, sink)) = (pair(), pair());
    let mut flow = Flow::new();
    flow.keep_for_replay();
    client.write_all(&some_bytes(REPLAY_LIMIT)).expect("room for all of it");
    while pump(&mut flow, &source, &sink, false) != Pumped::Waiting {}
    assert!(flow.can_replay());
    client.write_all(b"x").expect("room for one");
    assert_eq!(pump(&mut flow, &source, &sink, false), Pumped::Waiting);
    assert!(!flow.can_replay());
}

/// Of an urgent byte right behind a read that filled its buffer no event may have told yet.
#[test]
fn an_urgent_byte_behind_a_full_read_stays_urgent() {
    let ((sender, source), (sink, receiver)) = (joined(), joined());
    source.set_nonblocking(true).expect("not blocking");
    sockopt::set_socket_oobinline(&source, true).expect("inline");
    (&sender).write_all(&some_bytes(SMALL_READ)).expect("room for all of it");
    send(&sender, b"!", SendFlags::OOB).expect("room for one");
    let mut all = vec![0; SMALL_READ + 1];
    while source.peek(&mut all).map_or(true, |count| count < SMALL_READ) {}
    let mut flow = Flow::new();
    while flow.delivered() <= SMALL_READ as u64 {
        pump(&mut flow, &source, &sink, false);
    }
    (&receiver).read_exact(&mut all[..SMALL_READ]).expect("read");
    let mut urgent = [0];
    assert_eq!(recv(&receiver, &mut urgent[..], RecvFlags::OOB), Ok((1, 1)));
    assert_eq!(urgent, *b"!");
}

/// A Unix-domain socket's reader knows of no urgent data, and would miss the byte.
#[test]
fn an_urgent_byte_for_a_unix_socket_is_data() {
    let ((sender, source), (mut node, sink)) = (joined(), pair());
    source.set_nonblocking(true).expect("not blocking");
    sockopt::set_socket_oobinline(&source, true).expect("inline");
    (&sender).write_all(b"ab").expect("room");
    send(&sender, b"!", SendFlags::OOB).expect("room for one");
    (&sender).write_all(b"cd").expect("room");
    let mut flow = Flow::new();
    flow.note_urgent();
    while flow.delivered() < 5 {
        pump(&mut flow, &source, &sink, false);
    }
    let mut heard = [0; 5];
    node.read_exact(&mut heard).expect("read");
    assert_eq!(heard, *b"ab!cd");
}

/// Takes everything, and notes how it was given.
#[derive(Default)]
struct Notes(Vec<Manner>);

impl Sink for &mut Notes {
    fn send(&mut self, bytes: &[u8], manner: Manner) -> Result<usize, Errno> {
        self.0.push(manner);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<bool, Errno> {
        Ok(true)
    }
}

#[test]
fn only_bytes_that_the_end_follows_wait_for_it() {
    for (hangup, urgent, expected) in [
        (false, false, Manner::Plain),
        (true, false, Manner::Last),
        // What follows an urgent byte has not been read yet.
        (true, true, Manner::Plain),
    ] {
        let ((mut client, source), mut notes) = (pair(), Notes::default());
        client.write_all(b"last words").expect("room");
        client.shutdown(std::net::Shutdown::Write).expect("ended");
        let mut flow = Flow::new();
        if hangup {
            flow.note_hangup();
        }
        if urgent {
            flow.note_urgent();
        }
        let mut means = Means::with_pipes(0);
        let ended = flow.pump(source.as_fd(), &mut notes, &mut means.turn(false)) == Pumped::Delivered;
        assert_eq!((notes.0, ended), (vec![expected], hangup), "{hangup} {urgent}");
    }
}

#[test]
fn what_was_read_ahead_is_told_once_or_held() {
    let ((mut client, source), (mut node, sink)) = (pair(), pair());
    let (mut flow, mut means) = (Flow::new(), Means::with_pipes(0));
    // As much as is asked for, so that its turn reads on.
    let one = some_bytes(SMALL_READ);
    client.write_all(&one).expect("room");
    let outcome = flow.read_ahead(source.as_fd(), &mut means.buffer, false);
    assert_eq!(outcome, Some(Ok(one.len())));
    let ahead = ReadAhead { outcome, socket: source.as_fd() };
    assert_eq!(flow.pump(ahead, sink.as_fd(), &mut means.turn(false)), Pumped::Waiting);
    assert_eq!(flow.delivered(), one.len() as u64);
    client.write_all(b"two ").expect("room");
    let Some(Ok(count)) = flow.read_ahead(source.as_fd(), &mut means.buffer, false) else {
        panic!("nothing read")
    };
    flow.hold(&means.buffer[..count]);
    assert_eq!((flow.held(), flow.delivered()), (4, one.len() as u64));
    assert_eq!(flow.read_ahead(source.as_fd(), &mut means.buffer, false), None, "what is held goes first");
    assert_eq!(flow.pump(source.as_fd(), sink.as_fd(), &mut means.turn(false)), Pumped::Waiting);
    let mut all = vec![0; one.len() + 4];
    node.read_exact(&mut all).expect("all of it");
    assert!(all == [&one[..], b"two "].concat());
}
