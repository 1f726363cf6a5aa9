"""Whether what a configuration would newly listen on can be had: each is bound for a moment and let go, as
the engine will bind it. What the balancer holds already, in part or whole, stands in nobody's way.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator

from protobalance.config.addresses import PortRange, split_bind
from protobalance.config.model import Config

Place = tuple[str, int]
EVERY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - compared with, not bound


def refused_binds(config: Config, held: Collection[str]) -> list[str]:
    """A warning for each `bind` that the machine would refuse; `held` are the addresses listened on now."""
    ours = {(ports.host, ports.first) for ports in map(split_bind, held)}
    return [
        f"listeners.{listener.name}.bind: {refusal}; it would not be applied"
        for listener in config.listeners.values()
        for bind in listener.bind
        for refusal in _refusals(split_bind(bind), ours)
    ]


def _refusals(ports: PortRange, ours: set[Place]) -> Iterator[str]:
    """The first of a range is enough."""
    family = socket.AF_INET6 if ":" in ports.host else socket.AF_INET
    kin = {(host, port) for host, port in ours if (":" in host) == (family == socket.AF_INET6)}
    everywhere = {port for host, port in kin if host == EVERY[family] or ports.host == EVERY[family]}
    for port in range(ports.first, ports.last + 1):
        if port == 0 or port in everywhere or (ports.host, port) in kin:
            continue
        if error := _bound(family, (ports.host, port)):
            yield f"{PortRange(ports.host, port, port)}: {error.strerror}"
            return


def _bound(family: socket.AddressFamily, place: Place) -> OSError | None:
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            tried.bind(place)
        except OSError as error:
            return error
    return None
