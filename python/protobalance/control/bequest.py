"""What a balancer leaves to the one after it: its listening sockets, its claim on the state folder, and what
is in force. A keeper holds it, by names that only this file and the admin socket's give and read.

What is in force is left as the text of a configuration, which is read like any other: whoever reads it may
have more rights than whoever wrote it. For the same reason it does not decide what the next balancer may do:
the configuration of the last start that was asked for does, which is left before any stranger is served.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from protobalance import config as configuration
from protobalance.config import Config
from protobalance.config.rendering import render
from protobalance.control.engine_port import HandedOver
from protobalance.control.in_force import InForce
from protobalance.control.overrides import Override, Overrides
from protobalance.control.report import ListeningReport
from protobalance.keeper import Backing
from protobalance.keeper.estate import MANAGER
from protobalance.keeper.messages import SEALED

LISTENING = "listening"  # a listener's name, the address, the socket's number at that address
LOCK = "lock"  # the state folder
IN_FORCE = "in-force"
START = f"{SEALED}start"  # the configuration of the last start that was asked for


class _Document(msgspec.Struct, frozen=True):
    source: str
    configuration: str
    overrides: list[Override]


class Bequest:
    """Of one balancer: what was left to it, and what it leaves."""

    def __init__(self, backing: Backing) -> None:
        self.backing = backing
        self._left: InForce | None = None
        self._rendered: tuple[Config, str] | None = None

    def sockets(self) -> list[HandedOver]:
        """The listening sockets that were left, those of one address in their order."""
        return [
            (_listener_of(name), descriptor)
            for name in sorted(self.backing.held, key=_in_order)
            if name.startswith((LISTENING, MANAGER)) and (descriptor := self.backing.take(name)) is not None
        ]

    def in_force(self) -> InForce | None:
        """What was in force."""
        descriptor = self.backing.take(IN_FORCE)
        if descriptor is None:
            return None
        document = msgspec.json.decode(_text(descriptor), type=_Document)
        config = configuration.loads(document.configuration, document.source)
        self._left = InForce(config, document.source, Overrides(document.overrides))
        return self._left

    def start(self) -> Config | None:
        """The configuration of the last start that was asked for."""
        descriptor = self.backing.take(START)
        return None if descriptor is None else configuration.loads(_text(descriptor).decode())

    def seal(self, config: Config) -> None:
        """Leave the configuration of this start, for good."""
        if self.backing.orders_fd() is None:
            return
        self._leave_text(START, render(config).encode())
        self.backing.seal()

    def lock(self, folder: str) -> int | None:
        """The claim on a state folder."""
        return self.backing.take(f"{LOCK} {folder}")

    def leave_lock(self, folder: str | None, descriptor: int | None) -> None:
        """Leave our claim, and that on no other folder."""
        name = f"{LOCK} {folder}"
        if descriptor is not None:
            self.backing.hold({name: descriptor})
        self.backing.drop(held for held in self.backing.held if held.startswith(LOCK) and held != name)

    def leave(self, in_force: InForce, listening: Sequence[ListeningReport]) -> None:
        """Leave these, and what was left before no more."""
        self._leave_in_force(in_force)
        wanted = {
            f"{LISTENING} {report.listener} {report.address} {number}": descriptor
            for report in listening
            for number, descriptor in enumerate(report.descriptors)
        }
        held = {name for name in self.backing.held if name.startswith((LISTENING, MANAGER))}
        self.backing.hold({name: wanted[name] for name in wanted.keys() - held})
        self.backing.drop(held - wanted.keys())

    def leave_no_listener(self) -> None:
        """Nobody shall be accepted any more."""
        self.backing.drop(name for name in self.backing.held if name.startswith((LISTENING, MANAGER)))

    def _leave_in_force(self, in_force: InForce) -> None:
        if in_force is self._left or self.backing.orders_fd() is None:
            return
        if self._rendered is None or self._rendered[0] is not in_force.config:
            self._rendered = in_force.config, render(in_force.config)
        document = _Document(in_force.source, self._rendered[1], list(in_force.overrides))
        self._leave_text(IN_FORCE, msgspec.json.encode(document))
        self._left = in_force

    def _leave_text(self, name: str, text: bytes) -> None:
        memory = os.memfd_create("protobalance", os.MFD_CLOEXEC)
        with open(memory, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(text)
            file.flush()
            self.backing.hold({name: memory})


def _text(descriptor: int) -> bytes:
    """All of it; the descriptor is closed."""
    try:
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def _listener_of(name: str) -> str:
    words = name.split(" ")
    return words[1] if words[0] == LISTENING else ""


def _in_order(name: str) -> tuple[str, int]:
    rest, _, number = name.rpartition(" ")
    return rest, int(number) if number.isdigit() else 0
