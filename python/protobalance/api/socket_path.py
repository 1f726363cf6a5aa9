"""Where a balancer is reached, by whoever asks and whoever answers."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from protobalance.control.refusal import Refused

VARIABLE = "PROTOBALANCE_SOCKET"
NAME = "admin.sock"
PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path, without the final zero (unix(7))
OFF = "off"  # instead of a path: no admin interface; a file of that name is "./off"


def chosen_socket(
    given: Path | None = None,
    configured: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    user: int | None = None,
) -> Path | None:
    """The first that is there: `given` on the command line, $PROTOBALANCE_SOCKET, `configured` in the file,
    this user's default; None if it says that there is none. Raises `Refused` if somebody else made the
    default's directory.
    """
    named = given or environment.get(VARIABLE) or configured
    if str(named) == OFF:
        return None
    if named:
        return Path(named).absolute()
    return _default(environment, os.geteuid() if user is None else user)


def asked_socket(given: Path | None) -> Path:
    """The same for whoever wants an answer. Raises `Refused` if there is nobody to ask."""
    path = chosen_socket(given)
    if path is None:
        raise Refused(
            "invalid",
            "a balancer without an admin interface cannot be asked",
            f"--socket or ${VARIABLE}",
            'name the socket of one that has one; SIGHUP applies the file of one started with "off"',
        )
    refuse_impossible(path)
    return path


def refuse_impossible(path: Path) -> None:
    """Raises `Refused` where no socket can have this path."""
    name = os.fsencode(path)
    if len(name) > PATH_LIMIT or b"\0" in name:
        raise Refused(
            "invalid",
            f"the path is longer than {PATH_LIMIT} bytes or has a zero byte in it",
            str(path),
            "choose another one with --socket",
        )


def _default(environment: Mapping[str, str], user: int) -> Path:
    if user == 0:
        return Path("/run/protobalance", NAME)
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        return Path(runtime, "protobalance", NAME)
    directory = Path(f"/tmp/protobalance-{user}")  # noqa: S108 - its owner is checked, for this very reason
    _refuse_foreign(directory, user)
    return directory / NAME


def _refuse_foreign(directory: Path, user: int) -> None:
    """Anybody may create a name under /tmp and wait there for us to say what we want of our balancer."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022
    if not ours:
        raise Refused(
            "conflict",
            "this is not a directory that belongs to you alone",
            str(directory),
            f"remove it, or name a socket with --socket or ${VARIABLE}",
        )
