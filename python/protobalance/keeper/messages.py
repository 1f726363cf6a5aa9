"""What a balancer asks of its keeper and is told by it: JSON in packets of a Unix socket, descriptors beside.

Two sockets, so that neither way waits for the other: one for requests, each followed by its answer (but for
those that need none), one for orders. A balancer may be in a stranger's hands, so the keeper takes nothing
from it but these messages, and does nothing with a descriptor but hold it.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

PACKET = 256 * 1024  # bytes; more than can be sent (net.core.wmem_default), so that none is heard in part
SEALED = "sealed "
TOLD = frozenset({"READY", "RELOADING", "MONOTONIC_USEC", "STOPPING", "STATUS"})
AT_ONCE = 100  # descriptors in one packet; the kernel takes 253 (SCM_MAX_FD)


class Hold(msgspec.Struct, frozen=True, tag="hold"):
    """Keep the descriptors that come along, in the order of their names. Answered by `Done`."""

    names: list[str]


class Seal(msgspec.Struct, frozen=True, tag="seal"):
    """What is kept under names that begin with `SEALED` can be neither replaced nor dropped from now on, by
    this balancer: it is about to serve strangers. Answered by `Done`.
    """


class Drop(msgspec.Struct, frozen=True, tag="drop"):
    """Keep these no more. Answered by `Done`."""

    names: list[str]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """It serves. No answer."""

    version: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It cannot start, and ends. No answer."""

    reason: str


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """For the service manager (sd_notify(3)): how the balancer is, and nothing else. The manager takes from a
    keeper that is root what it would take from nobody, such as another process to end in its place
    (`MAINPID`). No answer.
    """

    states: dict[str, str]

    def __post_init__(self) -> None:
        if not self.states.keys() <= TOLD:
            raise ValueError(f"expected no other states than {', '.join(sorted(TOLD))}")


class Upgrade(msgspec.Struct, frozen=True, tag="upgrade"):
    """Start the program anew, as it now is on disk. Answered by `Upgraded` or `Declined`.

    `grace`: seconds after which sessions are ended; None: never.
    """

    grace: float | None
    by: str
    transaction: str


Request = Hold | Seal | Drop | Ready | Failed | Tell | Upgrade


class Done(msgspec.Struct, frozen=True, tag="done"):
    """It is so."""


class Upgraded(msgspec.Struct, frozen=True, tag="upgraded"):
    """A successor serves."""

    pid: int
    version: str


class Declined(msgspec.Struct, frozen=True, tag="declined"):
    """Nothing has changed."""

    reason: str


Answer = Done | Upgraded | Declined


class End(msgspec.Struct, frozen=True, tag="end"):
    """SIGTERM or SIGINT came; a second one means now."""


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """SIGHUP came."""


class Reopen(msgspec.Struct, frozen=True, tag="reopen"):
    """SIGUSR1 came."""


class Superseded(msgspec.Struct, frozen=True, tag="superseded"):
    """A successor serves: accept nobody any more, and end with the last session, or after `grace` seconds.

    A descriptor comes along: memory with the names in the successor's estate (`names_of`). A packet would not
    hold those of 5,000 sockets.
    """

    grace: float | None


class Process(msgspec.Struct, frozen=True):
    """A balancer process and the version of its program."""

    pid: int
    version: str


class Predecessors(msgspec.Struct, frozen=True, tag="predecessors"):
    """These still have sessions."""

    processes: list[Process]


Order = End | Reload | Reopen | Superseded | Predecessors

_Heard = TypeVar("_Heard")


class Channel(Generic[_Heard]):
    """One end of a socket on which messages of one kind are heard, and any are said."""

    def __init__(self, end: socket.socket, heard: object) -> None:
        self._end = end
        self._decoder: msgspec.json.Decoder[_Heard] = msgspec.json.Decoder(heard)

    @classmethod
    def adopted(cls, descriptor: int, heard: object) -> Channel[_Heard]:
        """The end that this descriptor is."""
        return cls(socket.socket(fileno=descriptor), heard)

    def fileno(self) -> int:
        return self._end.fileno()

    def close(self) -> None:
        self._end.close()

    def say(self, message: msgspec.Struct, descriptors: Sequence[int] = ()) -> bool:
        """Whether the other side can still hear it. Descriptors stay ours, too."""
        try:
            socket.send_fds(self._end, [msgspec.json.encode(message)], list(descriptors))
        except OSError:
            return False
        return True

    def hear(self) -> tuple[_Heard, list[int]] | None:
        """The next message and what came along; None at the end. Raises `BlockingIOError` if there is none,
        `msgspec.MsgspecError` for what is no message.
        """
        descriptors = array("i")
        room = socket.CMSG_SPACE(AT_ONCE * descriptors.itemsize)
        try:
            # By hand: `socket.recv_fds` drops its flags.
            packet, beside, _, _ = self._end.recvmsg(PACKET, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return None
        for level, kind, data in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        if not packet:
            close_all(descriptors)
            return None
        try:
            return self._decoder.decode(packet), descriptors.tolist()
        except msgspec.MsgspecError:
            close_all(descriptors)
            raise


def close_all(descriptors: Sequence[int]) -> None:
    """Close them, whatever has been closed already."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)


def in_memory(names: Iterable[str]) -> int:
    """A descriptor from which `names_of` reads them."""
    memory = os.memfd_create("protobalance-names", os.MFD_CLOEXEC)
    with open(memory, "wb", closefd=False) as file:
        file.write(msgspec.json.encode(list(names)))
    return memory


def names_of(memory: int) -> frozenset[str]:
    """The names that it holds; it stays open."""
    return frozenset(msgspec.json.decode(os.pread(memory, os.fstat(memory).st_size, 0), type=list[str]))


def chunks(descriptors: Mapping[str, int]) -> list[dict[str, int]]:
    """As many as go into one packet each."""
    items = list(descriptors.items())
    return [dict(items[start : start + AT_ONCE]) for start in range(0, len(items), AT_ONCE)]


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a new socket."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
