"""A system that can be put between clients and nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peers.process import Address

SESSIONS = 10_000
"""What a system is configured for where it must be told: what the descriptors of one process allow."""


@dataclass(frozen=True)
class Setting:
    """What it is to serve. The same for all."""

    folder: Path
    """Of its own, for its files."""
    listen: tuple[Address, ...]
    """Where clients connect."""
    nodes: tuple[Address, ...]
    threads: int
    """The cores it may use."""


class System(ABC):
    """One balancer in one configuration."""

    name: str
    """As in the report and in `--systems`."""

    @abstractmethod
    def version(self) -> str | None:
        """As it says itself; None where it is not installed."""

    @abstractmethod
    def configuration(self, setting: Setting) -> str:
        """The file that an operator would write; the command line, where that says all."""

    @abstractmethod
    def command(self, setting: Setting) -> Sequence[str]:
        """Writes its files; how it is started, in the foreground. Empty if there is nothing to start."""

    def ask(self, setting: Setting) -> Sequence[str]:  # noqa: ARG002 - most have none
        """How an operator asks how it is; empty where that starts nothing in it."""
        return ()
