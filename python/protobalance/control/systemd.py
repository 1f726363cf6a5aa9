"""What a service manager offers: sockets handed over (sd_listen_fds(3)), an ear for how we are
(sd_notify(3)). Without one, nothing happens.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping

FIRST_FD = 3  # SD_LISTEN_FDS_START


def take_listen_fds(environment: MutableMapping[str, str] | None = None) -> list[int]:
    """The listening descriptors handed to this process; the variables are taken away, so that no child of
    ours believes them its own."""
    variables = os.environ if environment is None else environment
    pid, count = variables.pop("LISTEN_PID", ""), variables.pop("LISTEN_FDS", "")
    variables.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    descriptors = list(range(FIRST_FD, FIRST_FD + int(count)))
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its signature
    return descriptors


class Notifier:
    """Tells the service manager; silently nobody if there is none, or it went away."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address

    def tell(self, **states: str | int) -> None:
        """One message with these assignments, e.g. `tell(READY=1, STATUS="…")`."""
        if not self._address.startswith(("/", "@")):
            return
        # "@" stands for the zero byte of the abstract namespace (unix(7)).
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        lines = (f"{name}={str(value).replace(chr(10), ' ')}" for name, value in states.items())
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.setblocking(False)  # noqa: FBT003 - its signature
            out.sendto("\n".join(lines).encode(), address)
