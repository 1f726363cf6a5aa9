//! What a node says on one connection, without any socket: bytes in, bytes out, and when to close.

use std::rc::Rc;

use crate::pattern::Pattern;

/// How a node behaves once a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Says its name with the first answer, then gives back what it gets.
    Echo,
    /// Says its name at once, then gives back what it gets.
    Greet,
    /// As echo, in pieces of a few bytes.
    Slow,
    /// Answers each request with its name and a body of fixed length.
    Http,
    /// Takes everything, and at its end says its name and how many bytes came.
    Sink,
    /// Says its name, sends so many bytes, and closes.
    Source,
    /// Closes at once.
    Close,
    /// Resets at once.
    Reset,
    /// Closes at the first bytes, unanswered.
    CloseAfterRead,
    /// Is bound, and does not listen.
    Refuse,
    /// Listens, and its backlog is full.
    Blackhole,
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(word: &str) -> Result<Mode, String> {
        Ok(match word {
            "echo" => Mode::Echo,
            "greet" => Mode::Greet,
            "slow" => Mode::Slow,
            "http" => Mode::Http,
            "sink" => Mode::Sink,
            "source" => Mode::Source,
            "close" => Mode::Close,
            "reset" => Mode::Reset,
            "close-after-read" => Mode::CloseAfterRead,
            "refuse" => Mode::Refuse,
            "blackhole" => Mode::Blackhole,
            _ => return Err("no such mode".into()),
        })
    }
}

/// One node.
pub(crate) struct Persona {
    /// What it calls itself.
    pub(crate) name: String,
    /// How it behaves.
    pub(crate) mode: Mode,
    /// For `http` the length of a body, for `source` of all it sends.
    pub(crate) bytes: u64,
    /// It ends its direction when it gave back exactly so many bytes; else when the client does. Short
    /// sessions can thus end by the node beside long ones of another size.
    pub(crate) close_after: u64,
    /// What it sends, if it is a source.
    pub(crate) pattern: Rc<Pattern>,
}

/// The answer on one connection.
pub(crate) struct Answer {
    persona: Rc<Persona>,
    /// To be sent.
    pub(crate) out: Vec<u8>,
    /// Nothing more will be said: close when all is sent.
    pub(crate) closing: bool,
    spoke: bool,
    count: u64,
    head: Vec<u8>,
}

impl Answer {
    /// What is said when the connection stands.
    pub(crate) fn new(persona: Rc<Persona>) -> Answer {
        let mut answer =
            Answer { persona, out: Vec::new(), closing: false, spoke: false, count: 0, head: Vec::new() };
        match answer.persona.mode {
            Mode::Greet => answer.say_name(),
            Mode::Source => {
                answer.say_name();
                answer.refill();
            }
            _ => {}
        }
        answer
    }

    fn say_name(&mut self) {
        if !self.spoke {
            self.spoke = true;
            self.out.extend_from_slice(self.persona.name.as_bytes());
            self.out.push(b'\n');
        }
    }

    /// Answers what came.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        match self.persona.mode {
            Mode::Http => self.answer_requests(bytes),
            Mode::Sink => self.count += bytes.len() as u64,
            Mode::CloseAfterRead => self.closing = true,
            Mode::Source => {}
            _ => {
                self.say_name();
                self.out.extend_from_slice(bytes);
                self.count += bytes.len() as u64;
                self.closing |= self.count == self.persona.close_after;
            }
        }
    }

    /// The client ended its direction.
    pub(crate) fn hear_end(&mut self) {
        if self.persona.mode == Mode::Sink && !self.closing {
            self.out.extend_from_slice(format!("{}\n{}\n", self.persona.name, self.count).as_bytes());
        }
        self.closing |= self.persona.mode != Mode::Source;
    }

    /// All was sent: a source says more.
    pub(crate) fn refill(&mut self) {
        if self.persona.mode != Mode::Source || self.closing {
            return;
        }
        let piece = self.persona.pattern.at(0, self.count, self.persona.bytes - self.count);
        self.out.extend_from_slice(piece);
        self.count += piece.len() as u64;
        self.closing = self.count == self.persona.bytes;
    }

    fn answer_requests(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.closing {
                return;
            }
            self.head.push(byte);
            if self.head.ends_with(b"\r\n\r\n") {
                self.answer_request();
                self.head.clear();
            }
        }
    }

    /// Requests carry no body here.
    fn answer_request(&mut self) {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        let old = head.lines().next().is_some_and(|line| line.ends_with("http/1.0"));
        let keep =
            if old { head.contains("connection: keep-alive") } else { !head.contains("connection: close") };
        let Persona { name, bytes, .. } = &*self.persona;
        let connection = if keep { "keep-alive" } else { "close" };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nServer: {name}\r\nContent-Length: {bytes}\r\nConnection: {connection}\r\n\r\n"
        );
        self.out.extend_from_slice(answer.as_bytes());
        self.out.resize(self.out.len() + *bytes as usize, b'.');
        self.closing = !keep;
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Mode, Persona};
    use crate::pattern::Pattern;
    use std::rc::Rc;

    fn answer(mode: Mode, bytes: u64, close_after: u64) -> Answer {
        let pattern = Rc::new(Pattern::new());
        Answer::new(Rc::new(Persona { name: "n0".into(), mode, bytes, close_after, pattern }))
    }

    #[test]
    fn echo_names_itself_with_its_first_answer_and_greet_at_once() {
        let mut echo = answer(Mode::Echo, 0, 5);
        assert_eq!(echo.out, b"");
        echo.hear(b"abc");
        assert!(!echo.closing);
        echo.hear(b"de");
        assert_eq!((echo.out.as_slice(), echo.closing), (b"n0\nabcde".as_slice(), true));
        assert_eq!(answer(Mode::Greet, 0, 0).out, b"n0\n");
    }

    #[test]
    fn pipelined_requests_are_answered_one_by_one_until_one_says_close() {
        let mut http = answer(Mode::Http, 2, 0);
        let requests = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / ";
        for piece in requests.chunks(5) {
            http.hear(piece);
        }
        let text = String::from_utf8_lossy(&http.out).into_owned();
        assert_eq!(text.matches("\r\n\r\n..").count(), 2);
        assert!(text.ends_with("Connection: close\r\n\r\n..") && http.closing);
    }

    #[test]
    fn a_sink_counts_and_a_source_ends() {
        let mut sink = answer(Mode::Sink, 0, 0);
        sink.hear(&[0; 700]);
        sink.hear_end();
        assert_eq!((sink.out.as_slice(), sink.closing), (b"n0\n700\n".as_slice(), true));

        let mut source = answer(Mode::Source, 100_000, 0);
        let mut total = 0;
        while !source.closing || !source.out.is_empty() {
            total += source.out.len();
            source.out.clear();
            source.refill();
        }
        assert_eq!(total, 100_003);
    }
}
