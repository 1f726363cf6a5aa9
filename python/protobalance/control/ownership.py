"""What root finds or makes is handed to the user that will serve, before root is given up.

The law: only what is ours is handed over. The state folder is, with the files in it; so are a folder made
here, one with nothing but our socket in it, and the session log's file. All else must be usable as it is.
No link on the way is followed but root's and, where we are not root, our own: another one may be there to
have us give away what it leads to.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from protobalance.config import Config

DEVICES = Path("/dev")
ON_THE_WAY = os.O_PATH | os.O_DIRECTORY  # which need not be readable
MOST_LINKS = 40  # as the kernel has it, path_resolution(7)


def hand_over(config: Config, admin_path: Path | None, uid: int, gid: int) -> None:
    """State folder, admin socket's folder and session log."""
    if config.engine.state_dir is not None:
        folder = Path(config.engine.state_dir)
        with suppress(OSError), _found(folder) as found:
            _give(found, uid, gid)
            for name in os.listdir(found):  # noqa: PTH208 - a descriptor, not a path
                with suppress(OSError), _entry(found, name) as entry:
                    _give(entry, uid, gid)
    if admin_path is not None:
        with suppress(OSError), _found(admin_path.parent) as found:
            if set(os.listdir(found)) <= {admin_path.name}:  # noqa: PTH208 - the same
                _give(found, uid, gid)
    log = log_file(config)
    if log is not None and DEVICES not in log.parents:
        make = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with (
            suppress(OSError),
            _found(log.parent) as folder_of_log,
            _entry(folder_of_log, log.name, make) as file,
        ):
            _give(file, uid, gid)


def log_file(config: Config) -> Path | None:
    """The session log, where it is a file."""
    target = config.log.sessions
    return None if target in {"stderr", "off"} else Path(target).absolute()


def make_folders(config: Config, admin_path: Path | None) -> None:
    """Those that we would make later, when it is no longer allowed."""
    if config.engine.state_dir is not None:
        _make(Path(config.engine.state_dir))
    if admin_path is not None:
        _make(admin_path.parent)


def _make(folder: Path) -> None:
    # Whoever needs it says why it cannot be had.
    with suppress(OSError), _found(folder):
        pass


@contextmanager
def _found(folder: Path) -> Iterator[int]:
    """The folder at the path, made where it is missing, one step at a time."""
    with ExitStack() as opened:
        at = opened.enter_context(_closed_after(os.open("/", ON_THE_WAY | os.O_CLOEXEC)))
        steps, links = deque(folder.absolute().parts[1:]), 0
        while steps:
            step = steps.popleft()
            with suppress(FileExistsError):
                os.mkdir(step, 0o700, dir_fd=at)
            found = os.stat(step, dir_fd=at, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                links += 1
                if found.st_uid not in {0, os.geteuid()} or links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
                steps.extendleft(reversed(Path(os.readlink(step, dir_fd=at)).parts))
                continue
            at = opened.enter_context(_entry(at, step, ON_THE_WAY))
        yield opened.enter_context(_entry(at, ".", os.O_RDONLY | os.O_DIRECTORY))


def _entry(folder: int, name: str, flags: int = os.O_RDONLY) -> AbstractContextManager[int]:
    """What has this name there, unless it is a link."""
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return _closed_after(os.open(name, flags, 0o640, dir_fd=folder))


@contextmanager
def _closed_after(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _give(descriptor: int, uid: int, gid: int) -> None:
    """Not a file with a second name: that may be somebody else's."""
    found = os.fstat(descriptor)
    lone = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
    if lone and found.st_uid in {0, uid}:
        os.fchown(descriptor, uid, gid)
