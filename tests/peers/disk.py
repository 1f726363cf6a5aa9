"""A disk of a few kilobytes, which fills up when a test wants it to. Mounting it takes root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """A file system at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave no byte on it."""
        descriptor = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while True:
                try:
                    os.write(descriptor, b"x" * 4096)
                except OSError:
                    break
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        """Take back what `fill` wrote."""
        self._filler.unlink()


@contextmanager
def disk(path: Path, *, kilobytes: int = 64, read_only: bool = False) -> Iterator[Disk]:
    """A new one over whatever is at `path`, gone with the `with`."""
    path.mkdir(exist_ok=True)
    options = f"size={kilobytes}k" + (",ro" if read_only else "")
    # Without the right to mount, the test fails here, loudly: it has proven nothing.
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "test", str(path)], check=True)
    try:
        yield Disk(path)
    finally:
        # Lazily: a process that is just ending may still have a file open there.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
