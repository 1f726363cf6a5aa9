"""A process that can have no more descriptors for a while. Those that it has, it keeps."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD_STREAMS = 3


@contextmanager
def no_descriptors_left(pid: int) -> Iterator[None]:
    """None that it does not have yet."""
    with _below(pid, STANDARD_STREAMS):
        yield


@contextmanager
def descriptors_left(pid: int, count: int) -> Iterator[None]:
    """So many that it does not have yet."""
    open_now = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    limit = next(limit for limit in range(65_536) if len(set(range(limit)) - open_now) == count)
    with _below(pid, limit):
        yield


@contextmanager
def _below(pid: int, limit: int) -> Iterator[None]:
    _, hard = before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
