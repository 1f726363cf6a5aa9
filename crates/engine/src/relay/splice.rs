//! Bulk between plain sockets: bytes go through a pipe and are not copied. A direction comes here when its
//! reads come back full, and leaves when little comes at a time, for then copying is cheaper.
//!
//! What a pipe takes from a socket is contiguous and never an urgent byte, so order is kept; but that nothing
//! more comes, or why, only a read tells: an end and a mark look alike from here.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::{BUFFER, Flow, Pumped, Source, Turn};
use crate::held::Held;
use crate::relay::pipes::Pipe;

/// A read that fills so much shows bulk.
pub(super) const BULK: usize = 64 * 1024;
/// What is less than this at a time is copied at less expense.
const LITTLE: usize = 32 * 1024;

impl Flow {
    /// Whether bytes may go by unseen: none is urgent, and none is wanted for another node.
    pub(super) fn may_splice(&self, turn: &Turn<'_>) -> bool {
        !turn.frugal && !self.urgent && self.replay.is_none()
    }

    /// Goes back to copying.
    pub(super) fn leave_bulk(&mut self, source: &impl Source) {
        self.bulk = false;
        // The next read could start at the mark without our having been told of it.
        self.urgent |= source.at_mark();
    }

    /// Fills a pipe and empties it; `None` to go on.
    pub(super) fn splice_once(
        &mut self,
        source: BorrowedFd<'_>,
        sink: BorrowedFd<'_>,
        turn: &mut Turn<'_>,
    ) -> Option<Pumped> {
        let Some(mut pipe) = turn.pipes.take() else {
            self.leave_bulk(&source);
            return None;
        };
        // Asked once: other workers may use up what there is of pipes meanwhile.
        let spare = turn.pipes.can_spare();
        let outcome = self.through(&mut pipe, source, sink, spare);
        match self.put_away(pipe, source, turn, spare) {
            Ok(()) => outcome,
            Err(error) => Some(Pumped::SinkBroke(error)),
        }
    }

    fn through(
        &mut self,
        pipe: &mut Pipe,
        source: BorrowedFd<'_>,
        sink: BorrowedFd<'_>,
        spare: bool,
    ) -> Option<Pumped> {
        // What may not stay in the pipe has to fit into the buffer.
        let most = if spare { usize::MAX } else { BUFFER };
        let count = match pipe.fill(source, most) {
            Ok(count) => count,
            Err(Errno::AGAIN) => return Some(Pumped::Waiting),
            Err(Errno::INTR) => return None,
            Err(error) => return Some(Pumped::SourceBroke(error)),
        };
        self.read += count as u64;
        if count < LITTLE {
            self.leave_bulk(&source);
        }
        if count == 0 {
            return None;
        }
        // Less than all does not say that the sink is full, for a signal stops a pipe in the middle: only
        // `AGAIN` has the kernel tell of room.
        while pipe.holds() > 0 {
            match pipe.drain(sink) {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Some(Pumped::Waiting),
                Err(error) => return Some(Pumped::SinkBroke(error)),
            }
        }
        None
    }

    /// What the sink would not take stays in the pipe, if it can be spared.
    fn put_away(
        &mut self,
        mut pipe: Pipe,
        source: BorrowedFd<'_>,
        turn: &mut Turn<'_>,
        spare: bool,
    ) -> Result<(), Errno> {
        if pipe.holds() > 0 {
            if spare {
                self.held = Some(Box::new(Held::in_pipe(pipe)));
                return Ok(());
            }
            self.held = Some(Box::new(Held::new(pipe.read_out(turn.buffer)?, false)));
            // So many wait that each is to hold little.
            self.leave_stalled();
            self.leave_bulk(&source);
        }
        turn.pipes.give_back(pipe);
        Ok(())
    }
}
