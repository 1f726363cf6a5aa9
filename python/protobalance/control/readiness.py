"""How a balancer is, said to whoever started it, to its keeper and to the service manager."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import protobalance
from protobalance.control.supervisor import Supervisor
from protobalance.control.systemd import Notifier
from protobalance.keeper import Backing


def ready_line(supervisor: Supervisor, socket_path: Path | None) -> str:
    """Which listeners feed which clusters, and where to ask."""
    listeners = ", ".join(
        f"{listener.name} {' '.join(listener.addresses)} -> {listener.cluster}"
        for listener in supervisor.running.engine.snapshot().listeners
    )
    asked = "no admin interface" if socket_path is None else f"admin socket {socket_path}"
    return f"ready: {listeners}; {asked}"


class Said:
    """Says it."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._manager = Notifier()

    def tell(self, **states: str | int) -> None:
        """The service manager; it listens to its main process, which is the keeper if there is one."""
        if not self._backing.tell({name: str(value) for name, value in states.items()}):
            self._manager.tell(**states)

    def ready(
        self, supervisor: Supervisor, socket_path: Path | None, announce: Callable[[str], None]
    ) -> None:
        """All of them, that it serves."""
        line = ready_line(supervisor, socket_path)
        announce(line)
        self._backing.close_untaken()
        self._backing.ready(protobalance.__version__)
        self.tell(READY=1, STATUS=line)
