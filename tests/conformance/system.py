"""What stands between clients and nodes, as a scenario sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from conformance.verdict import NotApplicable
from conformance.wish import Wish
from peers.process import wait_until

LISTENING = "0A"  # in /proc/net/tcp
RESTART_DELAY = 0.1  # seconds; systemd's RestartSec unless told otherwise


class Running(ABC):
    """A system that serves a wish, until `stop`."""

    def __init__(self, wish: Wish, folder: Path) -> None:
        self.wish = wish
        self.folder = folder
        self.log = folder / "system.log"
        self.child: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    @abstractmethod
    def command(self) -> list[str]:
        """Writes the configuration for the present wish; how the system is started with it, in the
        foreground.
        """

    def start(self) -> None:
        """Start, and wait until it serves."""
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [*self.wish.within, *self.command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._up, "the system serves")

    def _up(self) -> bool:
        if self.child is None or self.child.poll() is not None:
            raise RuntimeError(f"the system ended at its start:\n{self.log_tail()}")
        return self.ready()

    def ready(self) -> bool:
        """Whether someone listens. A connection made to find out would reach a node."""
        assert self.child is not None
        address = f"{self.wish.listen[1]:04X}"
        table = Path(f"/proc/{self.child.pid}/net/tcp").read_text().splitlines()[1:]
        rows = (line.split() for line in table)
        return any(row[1].endswith(f":{address}") and row[3] == LISTENING for row in rows)

    def reload(self, wish: Wish) -> None:  # noqa: ARG002 - for those that can
        """Have it serve this wish from now on, as its manual says; back when it does."""
        raise NotApplicable("it has no way to change what it serves")

    def reload_nonsense(self) -> None:
        """Have it serve a configuration that says nothing sound, in the same way."""
        raise NotApplicable("it has no way to change what it serves")

    def serving(self) -> int:
        """The process that holds the sessions."""
        assert self.child is not None
        return self.child.pid

    def kill(self) -> float:
        """End the process that serves, as the kernel does when memory is out. If the whole system is gone
        then, it is started again as a service manager would. The moment it was dead.
        """
        assert self.child is not None
        os.kill(self.serving(), signal.SIGKILL)
        dead = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(RESTART_DELAY)
            time.sleep(RESTART_DELAY)
            self.start()
        return dead

    def processes(self) -> list[int]:
        """All its processes."""
        assert self.child is not None
        found = [self.child.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    found += [int(child) for child in task.read_text().split()]
        return found

    def descriptors(self) -> int:
        """Descriptors open in all its processes."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.processes())

    def highest_descriptor(self, pid: int) -> int:
        """The highest that one of its processes has open."""
        return max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())

    def cpu_seconds(self) -> float:
        """Processor time used by all its processes."""
        ticks = 0
        for pid in self.processes():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that all its processes have."""
        kilobytes = 0
        for pid in self.processes():
            with suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text().splitlines()
                kilobytes += sum(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        return kilobytes * 1024

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        for pid in self.processes():
            os.kill(pid, number)

    def log_tail(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def stop(self) -> None:
        """End it with everything it started."""
        if self.child is None:
            return
        pids = self.processes()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait()
        wait_until(lambda: not any(map(_lives, pids)), "all of the system has ended")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class System(ABC):
    """A kind of balancer."""

    name: str
    """As in the report and in `SYSTEMS=`."""

    @abstractmethod
    def version(self) -> str | None:
        """As it says itself; None where it is not installed."""

    @abstractmethod
    def serve(self, wish: Wish, folder: Path) -> Running:
        """Start one for this wish. `NotApplicable` where it cannot be told the wish."""

    @abstractmethod
    def configuration(self, wish: Wish) -> str:
        """What an operator would write for this wish, for the report."""
