"""The two ends of a connection, played by a scenario: a trace of what one says and must hear."""

from __future__ import annotations

import array
import fcntl
import select
import socket
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.verdict import Failed, expect
from peers.joined import reset

PATIENCE = 5.0  # seconds; only what fails waits so long
SIOCATMARK = 0x8905


def until(condition: Callable[[], bool], otherwise: str, limit: float = PATIENCE) -> None:
    """Wait for the condition; fail with these words if it does not come true."""
    give_up = time.monotonic() + limit
    while not condition():
        if time.monotonic() > give_up:
            raise Failed(f"{otherwise} within {limit:g} s")
        time.sleep(0.01)


@dataclass
class End:
    """A client's or a node's connection."""

    name: str
    socket: socket.socket
    _speakers: list[threading.Thread] = field(default_factory=list)
    _broke: OSError | None = None

    def __post_init__(self) -> None:
        self.socket.settimeout(PATIENCE)

    def say(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Failed(f"{self.name} could not send: {error}") from None

    def say_aside(self, data: bytes, then: Callable[[], None] = lambda: None) -> None:
        """Send all of it while the scenario goes on; `then` is what follows, such as `finish`."""

        def speak() -> None:
            try:
                self.socket.sendall(data)
                then()
            except OSError as error:  # what did not arrive is missed at the other end
                self._broke = error

        self._speakers.append(threading.Thread(target=speak, daemon=True))
        self._speakers[-1].start()

    def delivered(self) -> None:
        """Wait until the other side's kernel has everything that was said."""
        waiting = array.array("i", [0])

        def none_waits() -> bool:
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, waiting)
            return waiting[0] == 0

        until(none_waits, f"what {self.name} said was not acknowledged")

    def hears(self, expected: bytes) -> None:
        """These bytes come next."""
        heard = bytearray()
        while len(heard) < len(expected):
            more = self._receive(len(expected) - len(heard), f"after {len(heard)} of {len(expected)} bytes")
            if not more:
                raise Failed(f"{self.name} saw the end after {len(heard)} of {len(expected)} bytes")
            heard += more
        expect(heard == expected, f"{self.name} heard other bytes than were said")

    def hears_end(self) -> None:
        """Nothing more comes but a clean end."""
        more = self._receive(1, "where the end was due")
        expect(not more, f"{self.name} heard more than was said")

    def hears_out(self) -> bytes:
        """All bytes until the clean end."""
        heard = bytearray()
        while more := self._receive(1 << 16, f"after {len(heard)} bytes"):
            heard += more
        return bytes(heard)

    def hears_reset(self) -> None:
        """Nothing more comes but a reset."""
        try:
            more = self.socket.recv(1)
        except ConnectionResetError:
            return
        except TimeoutError:
            raise Failed(f"{self.name} did not hear of the reset") from None
        for speaker in self._speakers:
            speaker.join()
        # A socket tells of a reset once: to whoever writes, if he comes first.
        if more or not isinstance(self._broke, ConnectionResetError):
            raise Failed(f"{self.name} heard more than was said" if more else f"{self.name} saw a clean end")

    def hears_any_end(self, limit: float) -> None:
        """The connection ends within so many seconds, however."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN | select.POLLRDHUP)
        expect(poll.poll(limit * 1000), f"{self.name} heard of no end within {limit:g} s")

    def hears_nothing(self, span: float) -> None:
        """Nothing comes for so many seconds."""
        self.socket.settimeout(span)
        try:
            more = self.socket.recv(1)
        except TimeoutError:
            return
        except OSError as error:
            raise Failed(f"{self.name} saw: {error}") from None
        finally:
            self.socket.settimeout(PATIENCE)
        raise Failed(f"{self.name} heard {more!r}" if more else f"{self.name} saw an end")

    def notices_reset(self, limit: float = PATIENCE) -> None:
        """The connection is known to be broken, without reading from it."""
        poll = select.poll()
        poll.register(self.socket, 0)
        seen = [event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(limit * 1000)]
        expect(any(seen), f"{self.name} did not hear of the reset")

    def hears_urgent(self, before: bytes, byte: bytes) -> None:
        """These bytes, then at the mark this one as urgent."""
        _, _, urgent = select.select([], [], [self.socket], PATIENCE)
        expect(urgent, f"nothing urgent came to {self.name}")
        self.hears(before)
        mark = array.array("i", [0])
        fcntl.ioctl(self.socket, SIOCATMARK, mark)
        expect(mark[0], f"the mark was not where {self.name} was")
        self.socket.settimeout(0)  # with a timeout Python waits for data in band
        try:
            heard = self.socket.recv(1, socket.MSG_OOB)
        except OSError as error:
            raise Failed(f"no urgent byte for {self.name}: {error}") from None
        finally:
            self.socket.settimeout(PATIENCE)
        expect(heard == byte, f"{heard!r} came as urgent, not {byte!r}")

    def finish(self) -> None:
        """End this direction; the other goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        reset(self.socket)

    def _receive(self, most: int, where: str) -> bytes:
        try:
            return self.socket.recv(most)
        except TimeoutError:
            raise Failed(f"{self.name} heard nothing {where}") from None
        except OSError as error:
            raise Failed(f"{self.name} saw {_word(error)} {where}") from None


def _word(error: OSError) -> str:
    return "a reset" if isinstance(error, ConnectionResetError) else str(error)
