"""A child process that is ready when handed over and gone afterwards, whatever happens in between.

Waiting is always for a condition of the real thing (a port answers, a line is printed), asked for again and
again up to a bound, never for a span of time.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

Address = tuple[str, int]

START_LIMIT = 20.0  # seconds; a server that is not ready by then will not be
END_LIMIT = 10.0  # seconds between asking a server to end and ending it


@dataclass(frozen=True)
class Peer:
    """A running server: where it listens, and what it wrote."""

    name: str
    folder: Path
    pid: int
    log: Path

    def log_tail(self) -> str:
        """The end of its log, for a failed test's report."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else "(no log)"


def text_of(address: Address) -> str:
    """`host:port`, as configurations want it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_of(text: str) -> Address:
    """The reverse of `text_of`."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _ports() -> Iterator[int]:
    """In turn, those below the ones that the kernel takes for connections, where it leaves any; each process
    begins elsewhere.
    """
    low, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = range(10_000, low if low > 20_000 else 65_536)
    return islice(cycle(ports), os.getpid() * 997 % len(ports), None)


_NEXT = _ports()


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that nobody listens on, for servers that cannot be told to choose one themselves. No connection
    takes one before they do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    free: list[int] = []
    while len(free) < count:
        port = next(_NEXT)
        with socket.socket(family) as probe, suppress(OSError):
            probe.bind((host, port))
            free.append(port)
    return free


def wait_until(condition: Callable[[], bool], what: str, limit: float = START_LIMIT) -> None:
    """Ask until the condition holds; an error naming `what` if it does not within `limit` seconds."""
    give_up = time.monotonic() + limit
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"after {limit} s still not true: {what}")
        time.sleep(0.005)


def accepts(address: Address) -> bool:
    """Whether someone accepts connections there."""
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def greets(address: Address, first: bytes = b"") -> bool:
    """Whether someone accepts there and says something, as mail servers do when they are ready. `first`: what
    they want to hear before.
    """
    try:
        with socket.create_connection(address, timeout=5) as conn:
            conn.sendall(first)
            return bool(conn.recv(1))
    except OSError:
        return False


@contextmanager
def workplace(name: str) -> Iterator[Path]:
    """A folder that every user may enter, since servers drop to users of their own."""
    folder = Path(tempfile.mkdtemp(prefix=f"pb-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(name: str, command: Sequence[str], ready: Callable[[], bool], folder: Path) -> Iterator[Peer]:
    """Start `command` in `folder`, hand it over when it is `ready`, end it with its whole process group."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    peer = Peer(name, folder, child.pid, log)

    def up() -> bool:
        if child.poll() is not None:
            raise RuntimeError(f"{name} ended with {child.returncode} at its start:\n{peer.log_tail()}")
        return ready()

    try:
        try:
            wait_until(up, f"{name} is ready")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{peer.log_tail()}") from None
        yield peer
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(END_LIMIT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    # What it left behind in its group: workers of a server that was killed.
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
