//! FTP's replies, from the node to the client (RFC 959, 2428, 4217): finds those that say where a data
//! connection is to be made, and puts another place in.
//!
//! The law: everything else passes byte for byte, however it is cut, and so does whatever is odd: a reply
//! that is too long, that names two places or none, or a port that no data connection has. Lines within the
//! reply to another command are text, whatever they look like. After `AUTH TLS` was accepted nothing can be
//! read any more, and nothing is.

mod place;

use std::net::SocketAddr;

pub use place::Announced;

/// The most that is held back: a reply that is longer passes as it is. RFC 959's lines have 512 bytes.
pub const LONGEST: usize = 4096;

/// The reply to a client for whom there is no data port. `PASV` knows no reply for this; clients take any
/// that begins with a 4 for "later, perhaps".
const NOWHERE: &[u8] = b"425 No data port of the balancer is free, try again later.\r\n";

/// What is to become of an announced place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// The reply passes as it is.
    Untouched,
    /// Clients are to connect here. Replies to `PASV` can say IPv4 only, those to `EPSV` say the port alone.
    At(SocketAddr),
    /// Clients cannot connect anywhere.
    Nowhere,
}

type Code = [u8; 3];

/// Where in the replies the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a line that is held: its beginning does not say yet what it is, or it is of interest.
    Held,
    /// In the rest of a line that passes.
    Passing,
    /// Behind an accepted `AUTH TLS`.
    Secured,
}

/// One control connection's replies.
#[derive(Debug)]
pub struct Replies {
    place: Place,
    /// Held back: the beginning of a line, or a reply of interest so far.
    held: Vec<u8>,
    /// Where in `held` the present line begins.
    line: usize,
    /// The code of the reply whose lines go on until one says so.
    open: Option<Code>,
}

impl Default for Replies {
    fn default() -> Self {
        Replies { place: Place::Held, held: Vec::new(), line: 0, open: None }
    }
}

impl Replies {
    /// Takes the next bytes and appends what is to go on to the client. `decide` is asked for each place that
    /// a reply announces.
    pub fn pass(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        decide: &mut impl FnMut(Announced) -> Placed,
    ) {
        while !bytes.is_empty() {
            if self.place == Place::Secured {
                return out.extend_from_slice(bytes);
            }
            let line = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            if self.place == Place::Passing {
                let (piece, rest) = bytes.split_at(line);
                bytes = rest;
                out.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    self.place = Place::Held;
                }
                continue;
            }
            let (piece, rest) = bytes.split_at(line.min(LONGEST - self.held.len()));
            bytes = rest;
            self.held.extend_from_slice(piece);
            self.look(out, decide);
            if self.held.len() == LONGEST {
                self.let_go(out);
            }
        }
    }

    /// Gives up what is held: nothing may wait any longer. The rest of its line passes.
    pub fn let_go(&mut self, out: &mut Vec<u8>) {
        if self.held.is_empty() {
            return;
        }
        self.open = match (self.held.get(self.line..self.line + 4), self.open) {
            (Some(start), Some(code)) if start[..3] == code && start[3] == b' ' => None,
            (Some(start), None) if start[3] == b'-' => code_of(start),
            (_, open) => open,
        };
        self.place = if self.held.ends_with(b"\n") { Place::Held } else { Place::Passing };
        self.flush(out);
    }

    /// Whether bytes are held back.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether the rest is encrypted.
    #[must_use]
    pub fn secured(&self) -> bool {
        self.place == Place::Secured
    }

    /// Looks at a line that has grown.
    fn look(&mut self, out: &mut Vec<u8>, decide: &mut impl FnMut(Announced) -> Placed) {
        let line = &self.held[self.line..];
        let whole = line.ends_with(b"\n");
        let Some(start) = line.get(..4) else {
            if whole {
                self.end_line(out);
            } else if self.line == 0 && !may_begin_reply(line, self.open) {
                self.place = Place::Passing;
                self.flush(out);
            }
            return;
        };
        let code = code_of(start);
        let last = start[3] == b' ';
        let within = self.open;
        let of_interest = |code: Code| matches!(&code, b"227" | b"229" | b"234");
        match within.or(code.filter(|_| last || start[3] == b'-')) {
            // A reply of interest, from its first line to its last.
            Some(wanted) if of_interest(wanted) && (within.is_none() || self.line > 0) => {
                if !whole {
                    return;
                }
                if last && code == Some(wanted) {
                    return self.complete(wanted, out, decide);
                }
                self.open = Some(wanted);
                self.line = self.held.len();
            }
            // Another's: its lines pass; only where it ends must be known.
            opened => {
                self.open = opened.filter(|opened| !(last && code == Some(*opened)));
                if whole {
                    self.end_line(out);
                } else {
                    self.place = Place::Passing;
                    self.flush(out);
                }
            }
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        // A short line within a reply of interest belongs to it.
        if self.line > 0 {
            self.line = self.held.len();
        } else {
            self.flush(out);
        }
    }

    fn complete(&mut self, code: Code, out: &mut Vec<u8>, decide: &mut impl FnMut(Announced) -> Placed) {
        self.open = None;
        if code == *b"234" {
            self.place = Place::Secured;
            return self.flush(out);
        }
        let found = if code == *b"227" { place::passive(&self.held) } else { place::extended(&self.held) };
        if let Some(found) = found {
            match decide(found.announced) {
                Placed::Untouched => {}
                Placed::At(address) => found.replace(&mut self.held, address),
                Placed::Nowhere => self.held = NOWHERE.to_vec(),
            }
        }
        self.flush(out);
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.line = 0;
    }
}

/// Whether these first bytes of a line may be those of a code that must be known: any, or that of the reply
/// that goes on.
fn may_begin_reply(line: &[u8], open: Option<Code>) -> bool {
    match open {
        Some(code) => code.starts_with(&line[..line.len().min(3)]),
        None => line.iter().all(u8::is_ascii_digit),
    }
}

fn code_of(start: &[u8]) -> Option<Code> {
    let code: Code = start.get(..3)?.try_into().ok()?;
    code.iter().all(u8::is_ascii_digit).then_some(code)
}
