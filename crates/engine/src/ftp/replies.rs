//! A node's replies as a source: what is read from it comes out rewritten. Reads until nothing is left, for
//! what comes out says nothing of how much was there.

use std::os::fd::BorrowedFd;

use protobalance_core::wire::ftp::LONGEST;
use rustix::io::Errno;

use super::Control;
use crate::relay::Source;

/// Read at once: what comes of it is some times as much at most, and fits into a worker's buffer.
const READ: usize = 16 * 1024;

/// The node's end of a control connection, read through its rewriting.
pub(crate) struct Rewritten<'a> {
    pub(crate) node: BorrowedFd<'a>,
    pub(crate) control: &'a mut Control,
}

impl Source for Rewritten<'_> {
    const SHORT_READ_DRAINS: bool = false;

    fn recv(&mut self, buffer: &mut [u8], size: usize) -> Result<usize, Errno> {
        // An urgent byte is asked for alone, and is none of the replies'.
        if buffer.len() < LONGEST || (self.control.replies.secured() && self.control.drained()) {
            return self.node.recv(buffer, size);
        }
        loop {
            if let Some(count) = self.control.hand_out(buffer) {
                return Ok(count);
            }
            if let Some(end) = &self.control.end {
                return end.map(|()| 0);
            }
            if self.control.replies.holds() && self.node.at_mark() {
                // What comes before an urgent byte goes before it.
                self.control.let_go();
                continue;
            }
            match self.node.recv(buffer, size.min(READ)) {
                Ok(0) => self.control.end_with(Ok(())),
                Ok(count) => self.control.rewrite(&buffer[..count]),
                Err(error @ (Errno::AGAIN | Errno::INTR)) => return Err(error),
                Err(error) => self.control.end_with(Err(error)),
            }
        }
    }

    fn at_mark(&self) -> bool {
        self.control.drained() && !self.control.replies.holds() && self.node.at_mark()
    }
}

impl Control {
    fn rewrite(&mut self, bytes: &[u8]) {
        let Control { replies, ready, desk, .. } = self;
        replies.pass(bytes, ready, &mut |announced| desk.decide(announced));
    }

    fn let_go(&mut self) {
        self.replies.let_go(&mut self.ready);
    }

    fn end_with(&mut self, end: rustix::io::Result<()>) {
        self.let_go();
        self.end = Some(end);
    }

    fn drained(&self) -> bool {
        self.ready.is_empty()
    }

    /// As much of what is ready as fits; `None` if nothing is.
    fn hand_out(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let rest = self.ready.get(self.gone..).filter(|rest| !rest.is_empty())?;
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.gone += count;
        if self.gone == self.ready.len() {
            self.ready.clear();
            self.gone = 0;
        }
        Some(count)
    }
}
