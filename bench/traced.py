"""Counts the system calls of running processes with strace, which slows them but changes no count."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from peers.process import wait_until


@contextmanager
def traced(pids: Sequence[int], folder: Path) -> Iterator[Counter[str]]:
    """What all threads call meanwhile; filled when the `with` ends."""
    counts: Counter[str] = Counter()
    table = folder / "strace"
    words = [word for pid in pids for word in ("-p", str(pid))]
    command = ["strace", "-f", "-q", "-c", "-U", "calls,name", "-o", str(table), *words]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
        try:
            wait_until(lambda: all(map(_is_traced, pids)), "strace has attached")
            yield counts
        finally:
            strace.send_signal(signal.SIGINT)
    counts.update(counted(table.read_text()))


def counted(table: str) -> dict[str, int]:
    """The lines of `strace -c -U calls,name` that count something."""
    rows = (line.split() for line in table.splitlines())
    return {row[1]: int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit() and row[1] != "total"}


def _is_traced(pid: int) -> bool:
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)
