//! However a direction's bytes are cut, and whatever becomes of its sink, the same come out.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::means::{Means, Random};
use super::*;

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().expect("a pair");
    near.set_nonblocking(true).expect("non-blocking");
    far.set_nonblocking(true).expect("non-blocking");
    (near, far)
}

/// Where the bytes go, and what there is to move them with.
#[derive(Clone, Copy, Debug)]
struct Way {
    tcp: bool,
    pipes: usize,
    /// Takes to the pipe at any time, whatever the reads were like.
    forced: bool,
}

/// Sends `data` through one direction, in pieces of any size, to a reader of any speed. What the
/// reader read, in the end.
fn relayed(data: &[u8], way: Way, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let pair = if way.tcp { means::connected } else { pair };
    let ((source, mut writer), (sink, mut reader)) = (pair(), pair());
    let (mut flow, mut means) = (Flow::new(), Means::with_pipes(way.pipes));
    let (mut written, mut read, mut piece) = (0, Vec::new(), vec![0; 1 << 18]);
    let mut writer = Some(&mut writer);
    loop {
        let most = 1 << random.below(18);
        if let Some(open) = &mut writer {
            let end = (written + 1 + random.below(most)).min(data.len());
            written += open.write(&data[written..end]).unwrap_or(0);
            if written == data.len() {
                open.shutdown(std::net::Shutdown::Write).expect("ended");
                writer = None;
            }
        }
        if random.below(3) > 0 {
            flow.bulk |= way.forced && random.below(4) == 0;
            let pumped = flow.pump(source.as_fd(), sink.as_fd(), &mut means.turn(random.below(4) == 0));
            assert!(
                !matches!(pumped, Pumped::SourceBroke(_) | Pumped::SinkBroke(_)),
                "{pumped:?} seed {seed}, {way:?}"
            );
            assert!(flow.held() <= PIPE && flow.delivered() + flow.held() as u64 == flow.read());
            if pumped == Pumped::Delivered {
                assert_eq!(flow.held(), 0);
                sink.shutdown(std::net::Shutdown::Write).expect("passed on");
            }
        }
        match reader.read(&mut piece[..1 + random.below(most)]) {
            Ok(0) => return read,
            Ok(count) => read.extend_from_slice(&piece[..count]),
            Err(_) => {}
        }
    }
}

#[test]
fn however_bytes_are_cut_the_same_come_out() {
    let mut random = Random(1);
    let data: Vec<u8> = (0..1_500_000).map(|_| random.below(256) as u8).collect();
    for seed in 0..60 {
        let size = random.below(data.len()) >> random.below(16);
        let way = Way { tcp: seed % 3 > 0, pipes: random.below(4), forced: random.below(2) > 0 };
        assert!(relayed(&data[..size], way, seed) == data[..size], "seed {seed}, {way:?}");
    }
}

#[test]
fn what_was_written_is_written_again_before_the_rest() {
    let ((source, mut writer), (first, _deaf), (second, mut reader)) = (pair(), pair(), pair());
    let (mut flow, mut means) = (Flow::new(), Means::with_pipes(2));
    flow.keep_for_replay();
    let data: Vec<u8> = (0..20_000u32).map(|number| (number / 7) as u8).collect();
    for piece in data.chunks(7_000) {
        writer.write_all(piece).expect("room");
        flow.pump(source.as_fd(), first.as_fd(), &mut means.turn(false));
    }
    assert_eq!(flow.delivered(), 20_000);
    flow.rewind();
    assert_eq!((flow.delivered(), flow.held()), (0, 20_000));
    writer.shutdown(std::net::Shutdown::Write).expect("ended");
    assert_eq!(flow.pump(source.as_fd(), second.as_fd(), &mut means.turn(false)), Pumped::Delivered);
    drop(second);
    let mut read = Vec::new();
    reader.read_to_end(&mut read).expect("all of it");
    assert!(read == data);
}
