"""The state folder belongs to one balancer at a time: two would write over each other's overrides."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from protobalance.control.refusal import Refused

LOCK_NAME = "lock"


class StateFolder:
    """A claim on a folder, made if it is missing. It ends with `release`, or with the process, however
    that ends.

    A folder that cannot be made or written is no obstacle: whoever cannot keep something there says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise Refused(
                "conflict", f"{path} is in use by another balancer", "engine.state_dir", "give each its own"
            ) from None

    def release(self) -> None:
        """Let another balancer have it. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
