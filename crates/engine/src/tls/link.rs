//! One TLS session over one socket, as a source and a sink of plaintext.
//!
//! Its memory is bounded: of what it is given to send it takes no more than a few records before the
//! kernel has taken the last of them, and of what it receives it keeps at most a record that is not
//! whole. Reading is edge-triggered like everywhere, but only `AGAIN` shows that nothing waits: a
//! record may end where a read does not.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use rustls::{Connection, Error};

use super::wire::{Wire, errno};
use crate::relay::{Manner, Sink, Source};

/// What is read at once while shaking hands: no more than rustls takes in one piece.
const HANDSHAKE_READ: usize = 4096;
/// Room for a record that was not whole before, beside what is read.
const RECORD: usize = 18 * 1024;

/// How a TLS session failed.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The kernel's word.
    Socket(Errno),
    /// The connection ended before the handshake did.
    Ended,
    /// The peer, or what it sent, is not to be trusted, or it did not trust us.
    Tls(Error),
}

/// How far our own end has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goodbye {
    Unsaid,
    /// `close_notify` is on its way.
    Said,
    /// It went, and the socket's direction was closed behind it.
    Gone,
}

/// One TLS session.
pub(crate) struct Link {
    session: Connection,
    goodbye: Goodbye,
    /// Of what it took to send, so much may still be here.
    kept: usize,
    /// What it received cannot be trusted from here on.
    broken: bool,
}

impl std::fmt::Debug for Link {
    /// Nothing of the session: it knows secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Link").field("goodbye", &self.goodbye).finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(session: impl Into<Connection>) -> Link {
        Link { session: session.into(), goodbye: Goodbye::Unsaid, kept: 0, broken: false }
    }

    /// The protocol that was agreed on (ALPN), if one was.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    /// Bytes it took that the kernel may not have taken yet.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Whether there is ciphertext that the kernel has not taken yet.
    pub(crate) fn pending(&self) -> bool {
        self.goodbye != Goodbye::Gone && self.session.wants_write()
    }

    /// Goes on with the handshake as far as the socket allows; true once it is done. Reads no
    /// further than it must: what follows stays for [`Link::recv`].
    pub(crate) fn shake_hands(&mut self, socket: impl AsFd) -> Result<bool, Broken> {
        let socket = socket.as_fd();
        loop {
            let written = self.write_out(socket).map_err(Broken::Socket)?;
            if !self.session.is_handshaking() {
                return Ok(written);
            }
            let mut bytes = [0; HANDSHAKE_READ];
            let count = match recv(socket, &mut bytes[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(Broken::Ended),
                Ok((count, _)) => count,
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(Broken::Socket(error)),
            };
            if let Err(error) = self.take_in(&bytes[..count], &mut []) {
                // The peer may learn why. It learns nothing if it does not listen any more.
                let _ = self.write_out(socket);
                return Err(Broken::Tls(error));
            }
        }
    }

    /// Says that nothing follows; true once that has gone to the kernel.
    pub(crate) fn say_goodbye(&mut self, socket: BorrowedFd<'_>) -> bool {
        if self.goodbye == Goodbye::Unsaid {
            self.session.send_close_notify();
            self.goodbye = Goodbye::Said;
        }
        // A socket that takes nothing any more is through with us.
        self.flush(socket).unwrap_or(true)
    }

    /// Whether the peer has ended cleanly and nothing it said waits to be read. What has come stays for
    /// [`Link::recv`].
    pub(crate) fn look(&mut self, socket: impl AsFd) -> Result<bool, Errno> {
        loop {
            let state = self.session.process_new_packets().map_err(|_| Errno::CONNRESET)?;
            if state.plaintext_bytes_to_read() > 0 || self.broken {
                return Ok(false);
            }
            if state.peer_has_closed() {
                return Ok(true);
            }
            let mut bytes = [0; HANDSHAKE_READ];
            match recv(&socket, &mut bytes[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(Errno::CONNRESET),
                Ok((count, _)) => self.broken |= self.take_in(&bytes[..count], &mut []).is_err(),
                Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what has come; see [`Source`].
    fn recv(&mut self, socket: BorrowedFd<'_>, buffer: &mut [u8], size: usize) -> Result<usize, Errno> {
        let (plain, cipher) = buffer.split_at_mut(buffer.len() / 2);
        let most = size.clamp(1, cipher.len().saturating_sub(RECORD).max(1));
        loop {
            match self.session.reader().read(plain) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return self.cut_off(),
                Ok(count) => return Ok(count),
            }
            if self.broken {
                return Err(Errno::CONNRESET);
            }
            let (count, _) = recv(socket, &mut cipher[..most], RecvFlags::empty())?;
            if count == 0 {
                return self.cut_off();
            }
            let filled = self.take_in(&cipher[..count], plain).unwrap_or_else(|_| {
                self.broken = true;
                0
            });
            // Answers of the protocol's own; where the kernel takes none now, they go with what comes.
            let _ = self.write_out(socket);
            if filled > 0 {
                return Ok(filled);
            }
        }
    }

    /// The connection ended without `close_notify`. A client that was told that nothing follows could
    /// only have cut off words that nobody waits for.
    fn cut_off(&self) -> Result<usize, Errno> {
        let answered = self.goodbye != Goodbye::Unsaid && matches!(self.session, Connection::Server(_));
        if answered { Ok(0) } else { Err(Errno::CONNRESET) }
    }

    /// Decrypts `cipher` into `plain`, which has room for all of it and a record more, or is empty:
    /// then the few bytes that may come are kept. What was whole before an error still counts.
    fn take_in(&mut self, mut cipher: &[u8], plain: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while !cipher.is_empty() {
            match self.session.read_tls(&mut cipher) {
                // After `close_notify` nothing counts.
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(Error::General(error.to_string())),
            }
            let processed = self.session.process_new_packets();
            if !plain.is_empty() {
                filled += self.session.reader().read(&mut plain[filled..]).unwrap_or(0);
            }
            if let Err(error) = processed {
                if filled == 0 {
                    return Err(error);
                }
                self.broken = true;
                break;
            }
        }
        Ok(filled)
    }

    /// Takes what the kernel takes at once, and a few records more; see [`Sink`].
    fn send(&mut self, socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
        if !self.flush(socket)? {
            return Err(Errno::AGAIN);
        }
        let mut taken = 0;
        while taken < bytes.len() {
            // It refuses only when its keys are worn out.
            let count = self.session.writer().write(&bytes[taken..]).map_err(|_| Errno::CONNRESET)?;
            taken += count;
            self.kept += count;
            if count == 0 || !self.write_out(socket)? {
                break;
            }
        }
        Ok(taken)
    }

    fn flush(&mut self, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
        if !self.write_out(socket)? || self.session.is_handshaking() {
            return Ok(false);
        }
        if self.goodbye == Goodbye::Said {
            self.goodbye = Goodbye::Gone;
            // It fails only where the other side is gone; its own event tells of that.
            let _ = shutdown(socket, Shutdown::Write);
        }
        Ok(true)
    }

    /// True if the kernel took everything.
    fn write_out(&mut self, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
        while self.pending() {
            match self.session.write_tls(&mut Wire(socket)) {
                Ok(_) => {}
                Err(error) => match errno(&error) {
                    Errno::AGAIN => return Ok(false),
                    Errno::INTR => {}
                    other => return Err(other),
                },
            }
        }
        self.kept = 0;
        Ok(true)
    }
}

/// One end of a session of which an end speaks TLS.
pub(crate) enum End<'a> {
    Plain(BorrowedFd<'a>),
    Tls(&'a mut Link, BorrowedFd<'a>),
}

impl<'a> End<'a> {
    pub(crate) fn new(link: Option<&'a mut Box<Link>>, socket: BorrowedFd<'a>) -> End<'a> {
        match link {
            None => End::Plain(socket),
            Some(link) => End::Tls(link, socket),
        }
    }
}

impl Source for End<'_> {
    const SHORT_READ_DRAINS: bool = false;

    fn recv(&mut self, buffer: &mut [u8], size: usize) -> Result<usize, Errno> {
        match self {
            End::Plain(socket) => socket.recv(buffer, size),
            End::Tls(link, socket) => link.recv(*socket, buffer, size),
        }
    }

    /// TLS has one stream and knows no urgency.
    fn at_mark(&self) -> bool {
        match self {
            End::Plain(socket) => socket.at_mark(),
            End::Tls(..) => false,
        }
    }
}

impl Sink for End<'_> {
    fn send(&mut self, bytes: &[u8], manner: Manner) -> Result<usize, Errno> {
        match self {
            End::Plain(socket) => socket.send(bytes, manner),
            End::Tls(link, socket) => link.send(*socket, bytes),
        }
    }

    fn flush(&mut self) -> Result<bool, Errno> {
        match self {
            End::Plain(_) => Ok(true),
            End::Tls(link, socket) => link.flush(*socket),
        }
    }
}
