"""What an operator set at run time, on top of the file and kept across restarts.

The law (docs/decisions/0003-overrides.md): an override is never silently lost and never silently kept
against a newer file. So each remembers the file's value that it overrode: as long as the file still says
that, the override stands; once the file says something else, the file is the newer word and wins, and a
note says so.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from protobalance.config.model import Config
from protobalance.control.answers import OverrideNote

What = Literal["admin_state", "weight", "cluster"]
FILE_NAME = "overrides.json"


class Override(msgspec.Struct, frozen=True):
    """One value set at run time. `subject` is `cluster/node`, or a listener's name for `cluster`."""

    what: What
    subject: str
    value: str  # weights as decimal digits, so that all values compare and print alike
    file_value: str
    at: float
    by: str

    @property
    def name(self) -> str:
        """The subject and what of it is overridden, as it is shown."""
        return f"listener {self.subject} cluster" if self.what == "cluster" else f"{self.subject} {self.what}"


class _Document(msgspec.Struct, frozen=True):
    version: Literal[1]
    overrides: list[Override]


class Overrides:
    """An immutable set of overrides, at most one per value."""

    def __init__(self, entries: Iterable[Override] = ()) -> None:
        self._entries = {(entry.what, entry.subject): entry for entry in entries}

    def __iter__(self) -> Iterator[Override]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Overrides) and self._entries == other._entries

    def __hash__(self) -> int:
        return hash(tuple(self._entries.items()))

    def value(self, what: What, subject: str) -> str | None:
        """The value set at run time, if there is one."""
        entry = self._entries.get((what, subject))
        return None if entry is None else entry.value

    def values(self, what: What) -> dict[str, str]:
        """All values of one sort, by subject."""
        return {entry.subject: entry.value for entry in self if entry.what == what}

    def with_override(self, entry: Override) -> Overrides:
        """These and `entry`; a value equal to the file's is no override and only ends an older one."""
        others = self.without(entry.what, entry.subject)
        return others if entry.value == entry.file_value else Overrides([*others, entry])

    def without(self, what: What, subject: str) -> Overrides:
        """These without the one for `what` of `subject`."""
        return Overrides(entry for entry in self if (entry.what, entry.subject) != (what, subject))


def file_value(config: Config, what: What, subject: str) -> str | None:
    """What the file says where `subject` may be overridden; `None` if it has no such subject."""
    if what == "cluster":
        listener = config.listeners.get(subject)
        return None if listener is None else listener.cluster
    cluster_name, _, node_name = subject.partition("/")
    cluster = config.clusters.get(cluster_name)
    node = None if cluster is None else cluster.nodes.get(node_name)
    if node is None:
        return None
    return node.admin_state if what == "admin_state" else str(node.weight)


def reconcile(overrides: Overrides, config: Config) -> tuple[Overrides, list[OverrideNote]]:
    """The overrides that stand beside `config`, and what became of each."""
    standing: list[Override] = []
    notes: list[OverrideNote] = []
    for entry in overrides:
        note = _note(entry, config)
        notes.append(note)
        if note.outcome == "kept":
            standing.append(entry)
    return Overrides(standing), notes


def _note(entry: Override, config: Config) -> OverrideNote:
    now = file_value(config, entry.what, entry.subject)
    if now is None:
        return OverrideNote(
            entry.name, entry.value, "dropped", f"{entry.name} = {entry.value}: the file no longer has it"
        )
    if entry.what == "cluster" and entry.value not in config.clusters:
        return OverrideNote(
            entry.name,
            entry.value,
            "dropped",
            f"{entry.name} = {entry.value}: the file no longer has cluster {entry.value}; back to {now}",
        )
    if now == entry.file_value:
        return OverrideNote(
            entry.name, entry.value, "kept", f"{entry.name} = {entry.value} stays (the file says {now})"
        )
    if now == entry.value:
        return OverrideNote(
            entry.name, entry.value, "same", f"{entry.name} = {entry.value}: the file now says the same"
        )
    return OverrideNote(
        entry.name,
        entry.value,
        "superseded",
        f"{entry.name} = {entry.value} ends: it overrode {entry.file_value}, the newer file says {now}",
    )


class OverridesFile:
    """Where overrides are kept; without a state folder, nowhere.

    A reader finds the old set or the new one, never half of one: the new one is written beside it, synced,
    and renamed over it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE_NAME

    def load(self) -> tuple[Overrides, str]:
        """What was kept, and a warning (empty if there is none). An unreadable file is set aside."""
        if self._path is None:
            return Overrides(), ""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return Overrides(), ""
        except OSError as error:
            return Overrides(), f"{self._path}: {error.strerror}; starting without overrides"
        try:
            return Overrides(msgspec.json.decode(text, type=_Document).overrides), ""
        except msgspec.MsgspecError as error:
            return Overrides(), self._set_aside(str(error))

    def _set_aside(self, reason: str) -> str:
        assert self._path is not None  # noqa: S101 - only called for a file that was read
        aside = self._path.with_suffix(".json.unreadable")
        try:
            self._path.replace(aside)
        except OSError as error:
            return f"{self._path}: unreadable ({reason}) and cannot be set aside: {error.strerror}"
        return f"{self._path}: unreadable ({reason}); set aside as {aside.name}, starting without overrides"

    def save(self, overrides: Overrides) -> str:
        """Keep them. A warning if that failed: they are in force all the same, until the next start."""
        if self._path is None:
            return ""
        document = msgspec.json.format(msgspec.json.encode(_Document(1, list(overrides))), indent=2)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_atomically(self._path, document + b"\n")
        except OSError as error:
            return f"in force, but lost at the next start: {self._path}: {error.strerror}"
        return ""


def _write_atomically(path: Path, content: bytes) -> None:
    # The folder is ours alone, so one name will do: what a kill left there is written over.
    fresh = path.with_suffix(".new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    # The rename itself is durable once the folder is.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
