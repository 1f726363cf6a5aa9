"""A node in a process of its own, which can be stopped: `python -m conformance.node_process NAME MANNERS
BACKLOG`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.nodes import Speaker
from peers.process import Address, wait_until


class NodeProcess:
    """Runs a `Speaker`."""

    def __init__(self, name: str, manners: str, backlog: int) -> None:
        folder = Path(__file__).parents[1]
        command = [sys.executable, "-m", "conformance.node_process", name, manners, str(backlog)]
        environment = os.environ | {"PYTHONPATH": str(folder)}
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._child.stdout
        self.address: Address = ("127.0.0.1", int(self._child.stdout.readline()))

    def stop(self) -> None:
        """As Ctrl-Z does: its kernel goes on for it as far as it can."""
        self._child.send_signal(signal.SIGSTOP)
        state = Path(f"/proc/{self._child.pid}/stat")
        wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "the node has stopped")

    def go_on(self) -> None:
        self._child.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._child:
            self._child.kill()


def main() -> None:
    name, manners, backlog = sys.argv[1:]
    listening = socket.create_server(("127.0.0.1", 0), backlog=int(backlog))
    with Speaker(name, manners, listening) as speaker:
        sys.stdout.write(f"{speaker.address[1]}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
