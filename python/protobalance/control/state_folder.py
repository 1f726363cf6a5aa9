"""The state folder belongs to one balancer at a time: two would write over each other's overrides.

The lock is on an open file, not on a process: whoever is handed the descriptor has the folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from protobalance.control.obstacle import obstacle
from protobalance.control.refusal import Refused

LOCK_NAME = "lock"
KEY = "engine.state_dir"
ADVICE = "make it for the balancer's user, or choose another"
# Full, over quota, read-only or broken: the folder was the right one when it was chosen.
OF_A_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


class StateFolder:
    """A claim on a folder, made if it is missing. It ends when all who have its descriptor have released it
    or ended. `left`: that descriptor, if somebody who had the folder left it to us.

    A folder that cannot be made or written is refused: it is not the one that was meant. Where a disk fails,
    or where clients wait (not `refusing`), traffic comes first, and `missed` says what is lost.
    """

    def __init__(self, path: Path, left: int | None = None, *, refusing: bool = True) -> None:
        self.path = path
        self._lock = left
        self._missed: OSError | None = None
        if left is not None and _is_open_at(left, path / LOCK_NAME):
            return
        self.release()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock, self._missed = _opened(path / LOCK_NAME)
        except OSError as error:
            self._missed = error
        if self._missed and refusing and self._missed.errno not in OF_A_DISK:
            self.release()
            raise Refused("engine", self._cannot_be_had(self._missed), KEY, ADVICE)
        if self._lock is None:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise Refused(
                "conflict", f"{path} is in use by another balancer", KEY, "give each its own"
            ) from None

    @property
    def missed(self) -> str:
        """What is lost since nothing can be kept here; empty where it can."""
        if self._missed is None:
            return ""
        return (
            f"{KEY}: {self._cannot_be_had(self._missed)}: what is set at run time, and history, "
            "is lost at the next start; mend it, or choose another, then restart"
        )

    @property
    def descriptor(self) -> int | None:
        """What the claim hangs on; None where nothing can be written."""
        return self._lock

    def explained(self, refusal: Refused) -> Refused:
        """The engine's, which knows that a file cannot be there, but not what became of the folder."""
        if self._missed is None or refusal.where != KEY or os.path.isdir(self.path):  # noqa: PTH112 - never raises
            return refusal
        return Refused(refusal.kind, f"affinity: {self._cannot_be_had(self._missed)}", KEY, ADVICE)

    def _cannot_be_had(self, why: OSError) -> str:
        of_another_kind = why.errno in {errno.EEXIST, errno.ENOTDIR}
        seen = obstacle(self.path) if of_another_kind else ""
        return f"{self.path} cannot be had: {seen or why.strerror}"

    def release(self) -> None:
        """Let it go. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _opened(path: Path) -> tuple[int, OSError | None]:
    """To write, for network file systems lock nothing else; where that cannot be, to read, and why."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC), error
        except OSError:
            raise error from None
    if os.access(path.parent, os.W_OK | os.X_OK):
        return lock, None
    return lock, PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))


def _is_open_at(descriptor: int, path: Path) -> bool:
    """Whether the lock is still that of the folder, which may have been made anew."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
