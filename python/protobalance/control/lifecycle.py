"""How a balancer comes to be a process: from a file or values to the first connection it accepts.

The order is the law: bind and forward first, then import what answers questions, event loop and all. So
nothing is imported here that traffic does not need; what is, `tests/unit/cli/test_imports.py` lists.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from protobalance import config as configuration
from protobalance.config import Config
from protobalance.control.bequest import Bequest
from protobalance.control.chores import chores
from protobalance.control.running import Running, Surroundings
from protobalance.control.systemd import take_listen_fds
from protobalance.keeper import ALONE, Backing

if TYPE_CHECKING:
    from protobalance.control.process import Admin
    from protobalance.control.supervisor import Supervisor


def serve(
    origin: Path | Config,
    *,
    socket_path: Path | Callable[[Config], Path | None] | None,
    announce: Callable[[str], None],
    load_admin: Callable[[], Admin],
    surroundings: Surroundings | None = None,
    backing: Backing = ALONE,
) -> None:
    """Run until a signal ends it. Raises `ConfigError` or `Refused` if it cannot start.

    `socket_path` may depend on the configuration, and None is no admin interface; `announce` gets the ready
    line; `load_admin` imports the admin interface, once traffic flows.
    """
    path = origin if isinstance(origin, Path) else None
    if path is not None:
        # Rating functions may stand beside the file that names them; what is installed comes first.
        sys.path.append(str(path.resolve().parent))
    bequest = Bequest(backing)
    left, start = bequest.in_force(), bequest.start()
    if left is not None and start is not None and backing.occasion.why == "death":
        # Whatever the file says by now: clients wait. What it may do is as at the start.
        config, source = replace(left.config, engine=start.engine, admin=start.admin), left.source
    else:
        start = config = configuration.load(origin) if isinstance(origin, Path) else origin
        source = str(path or "command line")
    bequest.seal(start)
    admin_path = socket_path(config) if callable(socket_path) else socket_path
    handed_over = bequest.sockets() or [("", descriptor) for descriptor in take_listen_fds()]
    around = replace(surroundings or Surroundings(), bequest=bequest, handed_over=handed_over)
    if around.confine:
        # Before anything is bound, while there is one thread.
        around = replace(around, confinement=around.confine(start, path, admin_path, around.log))
    running = Running(around, config, source, left.overrides if left else None)
    try:
        from protobalance.control.supervisor import Supervisor  # noqa: PLC0415 - the law of this file
    except BaseException:
        running.stop()
        raise
    supervisor = Supervisor(around)
    supervisor.adopt(running, path)
    try:
        _attend(supervisor, admin_path, announce, load_admin)
    finally:
        supervisor.stop()


def _attend(
    supervisor: Supervisor,
    admin_path: Path | None,
    announce: Callable[[str], None],
    load_admin: Callable[[], Admin],
) -> None:
    if admin_path is None and not any(chores(supervisor.running.in_force.config)):
        from protobalance.control import quiet  # noqa: PLC0415 - the law of this file

        if quiet.attend(supervisor, announce):
            return
        announce = supervisor.running.surroundings.log.info
    from protobalance.control import process  # noqa: PLC0415 - the same

    process.attend(supervisor, admin_path, announce, load_admin)
