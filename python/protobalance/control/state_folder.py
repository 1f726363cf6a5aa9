"""The state folder belongs to one balancer at a time: two would write over each other's overrides.

The lock is on an open file, not on a process: whoever is handed the descriptor has the folder.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from protobalance.control.refusal import Refused

LOCK_NAME = "lock"
KEY = "engine.state_dir"


class StateFolder:
    """A claim on a folder, made if it is missing. It ends when all who have its descriptor have released it
    or ended. `left`: that descriptor, if somebody who had the folder left it to us.

    A folder that cannot be made or written is no obstacle: whoever cannot keep something there says so.
    """

    def __init__(self, path: Path, left: int | None = None) -> None:
        self.path = path
        self._lock = left
        self._missed: OSError | None = None
        if left is not None and _is_open_at(left, path / LOCK_NAME):
            return
        self.release()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._missed = error
            return
        try:
            self._lock = _opened(path / LOCK_NAME)
        except OSError:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise Refused(
                "conflict", f"{path} is in use by another balancer", KEY, "give each its own"
            ) from None

    @property
    def descriptor(self) -> int | None:
        """What the claim hangs on; None where nothing can be written."""
        return self._lock

    def explained(self, refusal: Refused) -> Refused:
        """The engine's, which knows that a file cannot be there, but not what became of the folder."""
        if self._missed is None or refusal.where != KEY or os.path.isdir(self.path):  # noqa: PTH112 - never raises
            return refusal
        what = f"affinity is to be kept in {self.path}, which cannot be had: {self._missed.strerror}"
        return Refused(refusal.kind, what, KEY, "choose another, or make it for the balancer's user")

    def release(self) -> None:
        """Let it go. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _opened(path: Path) -> int:
    """To write, for network file systems lock nothing else; to read where nothing can be written."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _is_open_at(descriptor: int, path: Path) -> bool:
    """Whether the lock is still that of the folder, which may have been made anew."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
