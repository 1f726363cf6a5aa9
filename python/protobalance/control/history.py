"""What changed, when, and by whom: the newest in memory, all of it in the state folder, bounded.

The file is one JSON object a line, so that a crash can tear no more than the last line, which is then
skipped. At `ROTATE_AT` bytes it becomes `history.jsonl.1` and a new one is begun.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from protobalance.control.answers import HistoryEntry

FILE_NAME = "history.jsonl"
ROTATE_AT = 1 << 20  # with the previous file, at most 2 MiB in all: some ten thousand entries
IN_MEMORY = 2000


class History:
    """Appends and remembers. A file that cannot be written is reported once, and the memory goes on."""

    def __init__(
        self,
        folder: Path | None,
        *,
        warn: Callable[[str], None],
        rotate_at: int = ROTATE_AT,
        in_memory: int = IN_MEMORY,
    ) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self._warn = warn
        self._rotate_at = rotate_at
        self._warned = False
        self._entries: deque[HistoryEntry] = deque(self._kept(), maxlen=in_memory)

    def add(self, entry: HistoryEntry) -> None:
        """Remember one entry."""
        self._entries.append(entry)
        if self._path is None:
            return
        try:
            self._append(self._path, msgspec.json.encode(entry) + b"\n")
            self._warned = False
        except OSError as error:
            if not self._warned:
                self._warn(f"history is kept in memory only: {self._path}: {error.strerror}")
            self._warned = True

    def leave_file(self) -> None:
        """Remember in memory only: the file is another's now."""
        self._path = None

    def latest(self, limit: int) -> list[HistoryEntry]:
        """The newest first, at most `limit`."""
        newest_first = list(reversed(self._entries))
        return newest_first[: max(0, limit)]

    def _append(self, path: Path, line: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Private: it names nodes, files and who changed what.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            if file.tell() and not _ends_a_line(path):
                line = b"\n" + line
            file.write(line)
            size = file.tell()
        if size >= self._rotate_at:
            path.replace(_previous(path))

    def _kept(self) -> Iterable[HistoryEntry]:
        if self._path is None:
            return
        for path in (_previous(self._path), self._path):
            try:
                lines = path.read_bytes().splitlines()
            except FileNotFoundError:
                continue
            except OSError as error:
                self._warn(f"history before this start cannot be read: {path}: {error.strerror}")
                continue
            yield from _decoded(lines)


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _decoded(lines: list[bytes]) -> Iterable[HistoryEntry]:
    decoder = msgspec.json.Decoder(HistoryEntry)
    for line in lines:
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError:
            continue  # torn by a crash
