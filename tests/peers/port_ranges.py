"""Runs of ports that nobody listens on, at several addresses at once."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from peers.process import free_ports


def free_range(count: int, hosts: Sequence[str] = ("127.0.0.1",)) -> tuple[int, int]:
    """First and last of so many ports that are free at each of the addresses. Outside the range from which
    the kernel takes ports for connections, where there is room: one may be taken at any time.
    """
    low, high = _ephemeral()
    for first in range(10_000 + free_ports(1)[0] % 10_000, low - count, count):
        if _all_free(first, count, hosts):
            return first, first + count - 1
    for (first,) in iter(lambda: free_ports(1), []):
        if first + count < 65_536 and _all_free(first, count, hosts):
            return first, first + count - 1
    raise AssertionError((low, high))


def _ephemeral() -> tuple[int, int]:
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(low), int(high)


def _all_free(first: int, count: int, hosts: Sequence[str]) -> bool:
    return all(_free(host, port) for port in range(first, first + count) for host in hosts)


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the engine binds: connections that ended lately are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
