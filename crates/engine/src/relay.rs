//! One direction of a session: read from the source, write to the sink at once, keep only what the
//! sink would not take, and read no more until it has (law 8). Contents are never changed (law 1).
//! Bulk between plain sockets goes through a pipe instead of the buffer.
//!
//! Edge-triggered: a short read means the source is drained, and the next event will tell. Urgent
//! bytes stay urgent and keep their place: every source has `SO_OOBINLINE`, a read never crosses the
//! mark, and the byte at the mark is sent as urgent once all before it was sent.

mod ends;
mod pipes;
mod replay;
mod splice;

pub(crate) use ends::{Manner, ReadAhead, Sink, Source};
pub(crate) use pipes::{PIPE, Pipe, Pipes, Supply};
use replay::{Replay, remember};
use rustix::io::Errno;

use crate::held::{Held, Next};

/// The shared buffer of a worker, and the most that one direction of a session can ever hold in it.
pub(crate) const BUFFER: usize = 256 * 1024;
/// What a direction reads at once until it has shown that it carries bulk, and after its sink stalled.
const SMALL_READ: usize = 16 * 1024;
/// What it reads at once while the worker holds more than it should.
pub(crate) const FRUGAL_READ: usize = 4 * 1024;
/// Reads per wake-up, and bytes: no session keeps the others waiting for longer.
const READS_PER_TURN: usize = 8;
const BYTES_PER_TURN: u64 = 512 * 1024;

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// Nothing more until the source or the sink has an event.
    Waiting,
    /// There is more; the turn was up.
    More,
    /// The source has ended, and everything before was written.
    Delivered,
    /// The source failed; everything before was written.
    SourceBroke(Errno),
    /// The sink failed; what it did not take is held.
    SinkBroke(Errno),
}

/// What a direction may use of its worker's for its turn.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) buffer: &'a mut [u8],
    pub(crate) pipes: &'a mut Pipes,
    /// The worker holds more than it should: reads are to be small.
    pub(crate) frugal: bool,
}

/// One direction's state; a few words while nothing is held.
#[derive(Debug)]
pub(crate) struct Flow {
    read: u64,
    held: Option<Box<Held>>,
    replay: Option<Box<Replay>>,
    read_size: u32,
    ended: bool,
    started: bool,
    told: bool,
    hangup: bool,
    last_words: bool,
    failed: bool,
    urgent: bool,
    bulk: bool,
    put_off: bool,
}

impl Flow {
    pub(crate) fn new() -> Flow {
        Flow {
            read: 0,
            held: None,
            replay: None,
            read_size: SMALL_READ as u32,
            ended: false,
            started: false,
            told: false,
            hangup: false,
            last_words: false,
            failed: false,
            urgent: false,
            bulk: false,
            put_off: false,
        }
    }

    /// Bytes that the sink's kernel took.
    pub(crate) fn delivered(&self) -> u64 {
        self.read - self.held() as u64
    }

    /// Bytes the source has given.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// Bytes waiting for the sink.
    pub(crate) fn held(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.len())
    }

    /// Whether the source has ended its direction.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Whether the session has been told of the first bytes before; it has from now on.
    pub(crate) fn tell_start(&mut self) -> bool {
        std::mem::replace(&mut self.started, true)
    }

    /// Whether the session has been told of the end before; it has from now on.
    pub(crate) fn tell_end(&mut self) -> bool {
        std::mem::replace(&mut self.told, true)
    }

    /// Notes that the source's end has arrived behind its data, cleanly.
    pub(crate) fn note_hangup(&mut self) {
        self.hangup = true;
    }

    /// Notes that the source's socket is through, cleanly or not: no event will follow, so it must be
    /// read until its end or its error shows.
    pub(crate) fn note_last_words(&mut self, failed: bool) {
        self.last_words = true;
        self.failed |= failed;
    }

    /// Whether the source's socket failed, which what is read from it need not show.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// Notes that an urgent byte has arrived.
    pub(crate) fn note_urgent(&mut self) {
        self.urgent = true;
    }

    /// Whether what arrives now can be moved now: its sink is not full, and no turn is to come anyway.
    pub(crate) fn is_free(&self) -> bool {
        self.held.is_none() && !self.put_off
    }

    /// Its turn was up while there was more; true if that was not known.
    pub(crate) fn put_off(&mut self) -> bool {
        !std::mem::replace(&mut self.put_off, true)
    }

    /// The turn that was put off begins.
    pub(crate) fn begin_turn(&mut self) {
        self.put_off = false;
    }

    /// Makes the first read while there is no sink yet; `None` where a turn would not begin with one.
    /// The turn that follows is told of it by [`ReadAhead`]; where none follows, what was read is to be held.
    pub(crate) fn read_ahead(
        &self,
        mut source: impl Source,
        buffer: &mut [u8],
        frugal: bool,
    ) -> Option<Result<usize, Errno>> {
        let begins_with_it = self.held.is_none() && !self.ended && !self.urgent;
        let size = self.size(buffer, frugal);
        begins_with_it.then(|| source.recv(buffer, size))
    }

    /// Holds what was read ahead, for a sink that there will be.
    pub(crate) fn hold(&mut self, bytes: &[u8]) {
        self.read += bytes.len() as u64;
        self.held = Some(Box::new(Held::new(bytes, false)));
    }

    fn size(&self, buffer: &[u8], frugal: bool) -> usize {
        if frugal { FRUGAL_READ } else { (self.read_size as usize).min(buffer.len()) }
    }

    /// One turn: moves what can be moved.
    pub(crate) fn pump(
        &mut self,
        mut source: impl Source,
        mut sink: impl Sink,
        turn: &mut Turn<'_>,
    ) -> Pumped {
        match self.flush(&mut sink, turn.pipes) {
            Ok(true) => {}
            Ok(false) => return Pumped::Waiting,
            Err(error) => return Pumped::SinkBroke(error),
        }
        if self.ended {
            return Pumped::Delivered;
        }
        let enough = self.read + BYTES_PER_TURN;
        for _ in 0..READS_PER_TURN {
            if let Some(pumped) = self.move_once(&mut source, &mut sink, turn) {
                return pumped;
            }
            if self.read >= enough {
                break;
            }
        }
        Pumped::More
    }

    /// Moves bytes one way or the other; `None` to go on.
    fn move_once(
        &mut self,
        source: &mut impl Source,
        sink: &mut impl Sink,
        turn: &mut Turn<'_>,
    ) -> Option<Pumped> {
        if self.bulk {
            if self.may_splice(turn)
                && let (Some(from), Some(to)) = (source.plain(), sink.plain())
            {
                return self.splice_once(from, to, turn);
            }
            self.leave_bulk(source);
        }
        self.read_once(source, sink, turn)
    }

    /// One read and its write; `None` to go on.
    fn read_once<From: Source>(
        &mut self,
        source: &mut From,
        sink: &mut impl Sink,
        turn: &mut Turn<'_>,
    ) -> Option<Pumped> {
        if self.urgent && source.at_mark() {
            return self.pass_urgent(source, sink, turn.pipes);
        }
        let size = self.size(turn.buffer, turn.frugal);
        let count = match source.recv(turn.buffer, size) {
            Ok(0) => {
                self.ended = true;
                return Some(Pumped::Delivered);
            }
            Ok(count) => count,
            Err(Errno::AGAIN) => return Some(Pumped::Waiting),
            Err(Errno::INTR) => return None,
            Err(error) => return Some(Pumped::SourceBroke(error)),
        };
        self.read += count as u64;
        let is_last =
            self.hangup && count < size && !self.urgent && !self.last_words && From::SHORT_READ_DRAINS;
        let manner = if is_last { Manner::Last } else { Manner::Plain };
        match self.deliver(sink, &turn.buffer[..count], manner) {
            Ok(true) => {}
            Ok(false) => {
                self.leave_stalled();
                return Some(Pumped::Waiting);
            }
            Err(error) => return Some(Pumped::SinkBroke(error)),
        }
        if count >= size {
            self.bulk = size >= splice::BULK && source.plain().is_some() && sink.plain().is_some();
            self.read_size = (self.read_size * 2).min(BUFFER as u32);
            // Only here could the next read start at the mark without our having been told of it.
            self.urgent |= source.at_mark();
            return None;
        }
        if is_last {
            self.ended = true;
            return Some(Pumped::Delivered);
        }
        // An urgent byte may have stopped the read short of the end.
        let is_drained = !self.urgent && !self.last_words && From::SHORT_READ_DRAINS;
        is_drained.then_some(Pumped::Waiting)
    }

    /// The sink takes no more: what is read next may wait for long, and should be little.
    fn leave_stalled(&mut self) {
        self.read_size = SMALL_READ as u32;
    }

    /// Writes what is held; true if nothing is left, here or in the sink.
    fn flush(&mut self, sink: &mut impl Sink, pipes: &mut Pipes) -> Result<bool, Errno> {
        let Some(held) = &mut self.held else { return sink.flush() };
        while held.len() > 0 {
            let outcome = match held.next() {
                Next::Read { bytes, urgent } => {
                    let manner = if urgent { Manner::Urgent } else { Manner::Plain };
                    sink.send(bytes, manner).inspect(|&count| remember(&mut self.replay, &bytes[..count]))
                }
                Next::InPipe(pipe) => {
                    sink.plain().ok_or(Errno::NOTSOCK).and_then(|socket| pipe.drain(socket))
                }
            };
            match outcome {
                Ok(count) => held.sent(count),
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if let Some(pipe) = self.held.take().and_then(|held| held.into_pipe()) {
            pipes.give_back(pipe);
        }
        sink.flush()
    }

    /// Writes fresh bytes and holds the rest; true if there is no rest, here or in the sink.
    fn deliver(&mut self, sink: &mut impl Sink, bytes: &[u8], manner: Manner) -> Result<bool, Errno> {
        let outcome = sink.send(bytes, manner);
        let sent = outcome.unwrap_or(0);
        remember(&mut self.replay, &bytes[..sent]);
        if sent == bytes.len() {
            return sink.flush();
        }
        self.held = Some(Box::new(Held::new(&bytes[sent..], false)));
        match outcome {
            Ok(_) | Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Passes the urgent byte at the mark on as urgent.
    fn pass_urgent(
        &mut self,
        source: &mut impl Source,
        sink: &mut impl Sink,
        pipes: &mut Pipes,
    ) -> Option<Pumped> {
        let mut byte = [0u8; 1];
        match source.recv(&mut byte, 1) {
            Ok(1) => {}
            // The mark is announced, but its byte is still on its way.
            Err(Errno::AGAIN) => return Some(Pumped::Waiting),
            Err(Errno::INTR) => return None,
            Err(error) => return Some(Pumped::SourceBroke(error)),
            Ok(_) => {
                self.ended = true;
                return Some(Pumped::Delivered);
            }
        }
        self.urgent = false;
        self.read += 1;
        self.held = Some(Box::new(Held::new(&byte, true)));
        match self.flush(sink, pipes) {
            Ok(true) => None,
            Ok(false) => Some(Pumped::Waiting),
            Err(error) => Some(Pumped::SinkBroke(error)),
        }
    }
}

#[cfg(test)]
mod bounds;

#[cfg(test)]
pub(crate) mod means;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod spliced;
