"""The admin socket: one path, one owner. It is never taken from a balancer that answers on it, and
only its user may connect to it from the moment it exists. A keeper keeps it from one balancer to the next, so
that whoever asks meanwhile waits instead of finding nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from protobalance.api.socket_path import refuse_impossible
from protobalance.control.obstacle import obstacle
from protobalance.control.refusal import Refused
from protobalance.keeper import ALONE, Backing

KEPT = "admin"
BACKLOG = 64
LOCK_TRIES, LOCK_PAUSE = 20, 0.05  # one second in all


@contextlib.contextmanager
def claimed(path: Path, backing: Backing = ALONE) -> Iterator[socket.socket]:
    """A listening socket at `path`, removed again at the end if it is still ours and nobody's after us."""
    name = kept_name(path)
    with _left(path, backing.take(name)) or _claim(path) as listening:
        made = path.lstat()
        backing.hold({name: listening.fileno()})
        backing.drop(held for held in backing.held if held.startswith(KEPT) and held != name)
        try:
            yield listening
        finally:
            if name not in backing.successors_names:
                backing.drop([name])
                _remove_if_same(path, made)


def kept_name(path: Path) -> str:
    """What a keeper knows the socket by."""
    return f"{KEPT} {path}"


def _left(path: Path, descriptor: int | None) -> socket.socket | None:
    """The socket that was left to us, if its path still leads to a socket."""
    if descriptor is None:
        return None
    listening = socket.socket(fileno=descriptor)
    if path.is_socket():
        return listening
    listening.close()
    return None


def _remove_if_same(path: Path, made: os.stat_result) -> None:
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(path.lstat(), made):
            path.unlink()


def _claim(path: Path) -> socket.socket:
    refuse_impossible(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _only_starter(path.parent):
            _remove_stale(path)
            return _listen(path)
    except OSError as error:
        raise _impossible(path, str(error.strerror)) from error


def refuse_unfit(path: Path) -> None:
    """Refuses a path where no socket could be made, as far as can be seen without making it."""
    refuse_impossible(path)
    if seen := obstacle(path.parent):
        raise _impossible(path, seen)
    refuse_if_taken(path)


def _impossible(path: Path, why: str) -> Refused:
    remedy = "name another with --socket PATH, or do without one: --socket off"
    return Refused("engine", f"no admin socket can be made here: {why}", str(path), remedy)


@contextlib.contextmanager
def _only_starter(directory: Path) -> Iterator[None]:
    """Two balancers starting at once must not both find the same stale socket and each remove the other's.

    Whoever can read the directory can hold its lock; a starter holds it for a moment, so after a while
    it is somebody who wants us to wait for ever, and we do not.
    """
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOCK_PAUSE)
        yield
    finally:
        os.close(held)


def _remove_stale(path: Path) -> None:
    if refuse_if_taken(path):
        path.unlink()


def refuse_if_taken(path: Path) -> bool:
    """Refuses a path that somebody or something else has; whether a dead balancer left its socket there."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    if not stat.S_ISSOCK(mode):
        raise Refused(
            "conflict", "there is something else than a socket here", str(path), "choose another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)  # a connect to a Unix socket waits only where a full queue is being served
        with contextlib.suppress(TimeoutError):
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                return True
    raise Refused(
        "conflict",
        "another balancer answers here",
        str(path),
        "stop it, name another path with --socket PATH, or do without one: --socket off; "
        f"to see it: protobalance status --socket {path}",
    )


def _listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        # Linux gives the file the mode of the socket's own inode: it is private from its first moment.
        os.fchmod(listening.fileno(), 0o600)
        listening.bind(str(path))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
