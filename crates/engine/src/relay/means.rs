//! What a worker lends a direction for its turn, where a test is the worker.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use protobalance_core::hash;

use super::{BUFFER, PIPE, Pipes, Supply, Turn};
use crate::events::Events;

/// A buffer, pipes, and what is told of them.
pub(crate) struct Means {
    pub(crate) buffer: Vec<u8>,
    pub(crate) pipes: Pipes,
    pub(crate) events: Arc<Events>,
}

impl Means {
    /// With at most so many pipes.
    pub(crate) fn with_pipes(each: usize) -> Means {
        Means::with_pipes_of(each, PIPE)
    }

    /// With at most so many pipes of a size.
    pub(crate) fn with_pipes_of(each: usize, size: usize) -> Means {
        let events = Arc::new(Events::new().expect("a descriptor"));
        let supply = Supply::new(each, size, Arc::clone(&events));
        Means { buffer: vec![0; BUFFER], pipes: Pipes::new(Arc::new(supply)), events }
    }

    pub(crate) fn turn(&mut self, frugal: bool) -> Turn<'_> {
        Turn { buffer: &mut self.buffer, pipes: &mut self.pipes, frugal }
    }
}

/// What a test with a seed draws.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        hash::below(hash::draw(&mut self.0), limit as u64) as usize
    }
}

/// Both ends of a TCP connection.
pub(crate) fn joined() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("its address")).expect("connected");
    (one, listener.accept().expect("accepted").0)
}

/// The same as streams of whatever kind that do not block.
pub(crate) fn connected() -> (UnixStream, UnixStream) {
    let (one, other) = joined();
    (as_stream(one), as_stream(other))
}

/// An end of a TCP connection as a stream that does not block.
pub(crate) fn as_stream(end: TcpStream) -> UnixStream {
    end.set_nonblocking(true).expect("not blocking");
    UnixStream::from(OwnedFd::from(end))
}
