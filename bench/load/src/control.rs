//! Standard input as a way to be told things: each line is a word from the test, its end means stop.

use std::io::{Stdin, stdin};

use rustix::io::Errno;

use crate::events::{CONTROL, Events};

/// Standard input, read only when the events say that it is readable.
pub(crate) struct Control {
    input: Stdin,
    line: Vec<u8>,
    open: bool,
}

impl Control {
    /// Watches standard input. One that cannot be watched (a file, `/dev/null`) counts as ended.
    pub(crate) fn new(events: &Events) -> Result<Control, Errno> {
        let input = stdin();
        let open = match events.watch_level(&input, CONTROL) {
            Ok(()) => true,
            Err(Errno::PERM) => false,
            Err(error) => return Err(error),
        };
        Ok(Control { input, line: Vec::new(), open })
    }

    /// Whether more may come.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// The whole lines that arrived. Call once for each event under [`CONTROL`].
    pub(crate) fn lines(&mut self, events: &Events) -> Result<Vec<String>, Errno> {
        let mut buffer = [0; 4096];
        // Past the standard library's buffer, which could keep lines that no event tells of.
        let count = rustix::io::read(&self.input, &mut buffer)?;
        if count == 0 {
            self.open = false;
            events.forget(&self.input)?;
        }
        self.line.extend_from_slice(&buffer[..count]);
        let mut lines = Vec::new();
        while let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
            let rest = self.line.split_off(end + 1);
            lines.push(String::from_utf8_lossy(&self.line[..end]).into_owned());
            self.line = rest;
        }
        Ok(lines)
    }
}
