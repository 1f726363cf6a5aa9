"""What root finds or makes is handed to the user that will serve, before root is given up.

The law: only what is ours is handed over. The state folder is, with the files in it; so are a folder made
here, one with nothing but our socket in it, and the session log's file. All else must be usable as it is.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from protobalance.config import Config

DEVICES = Path("/dev")


def hand_over(config: Config, admin_path: Path, uid: int, gid: int) -> None:
    """State folder, admin socket's folder and session log."""
    if config.engine.state_dir is not None:
        folder = Path(config.engine.state_dir)
        _make(folder)
        for each in (folder, *_entries(folder)):
            _give(each, uid, gid)
    _make(admin_path.parent)
    if {each.name for each in _entries(admin_path.parent)} <= {admin_path.name}:
        _give(admin_path.parent, uid, gid)
    log = log_file(config)
    if log is not None and DEVICES not in log.parents:
        with contextlib.suppress(OSError):
            os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640))
        _give(log, uid, gid)


def log_file(config: Config) -> Path | None:
    """The session log, where it is a file."""
    target = config.log.sessions
    return None if target in {"stderr", "off"} else Path(target).absolute()


def make_folders(config: Config, admin_path: Path) -> None:
    """Those that we would make later, when it is no longer allowed."""
    if config.engine.state_dir is not None:
        _make(Path(config.engine.state_dir))
    _make(admin_path.parent)


def _make(folder: Path) -> None:
    # Whoever needs it says why it cannot be had.
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _give(path: Path, uid: int, gid: int) -> None:
    """Without following a link, nor for a file with a second name: either may be somebody else's."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            lone = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
            if lone and found.st_uid in {0, uid}:
                os.fchown(descriptor, uid, gid)
        finally:
            os.close(descriptor)
