"""Ports of our own that connections to one node use up: told of once when few are left, and once when there
are enough again (law 11).

One address of ours has as many connections to one address of a node's as the kernel has ports to give
(`ip_local_port_range`). What is counted is open sessions; connections that ended lately hold ports for a
while as well, so it is told of early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from protobalance.config.addresses import UNIX, split_host_port
from protobalance.config.model import Config
from protobalance.control.answers import Limit
from protobalance.control.chronicle import Chronicle
from protobalance.control.report import Snapshot

WORD = "source-ports"
INTERVAL = 5.0  # seconds: ports run short over minutes
REACHED = 0.8  # of the ports
CLEARED = 0.7  # not at the next session that ends
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # of IPv6 as well


class Use(NamedTuple):
    """Sessions to one address of a node's, and how many there can be."""

    sessions: int
    ports: int
    addresses: int  # of ours that they may come from


def ports_of_an_address(path: Path = RANGE) -> int:
    """How many the kernel has to give; 0 if it does not say."""
    try:
        first, last = map(int, path.read_text().split())
    except (OSError, ValueError):
        return 0
    return last - first + 1


def uses(config: Config, snapshot: Snapshot, ports: int) -> dict[str, Use]:
    """By the node's numeric address, over all clusters. What comes from clients' own addresses uses none."""
    found: dict[str, Use] = {}
    for cluster in snapshot.clusters:
        wished = config.clusters.get(cluster.name)
        if wished is None or wished.transparent:
            continue
        for node in cluster.nodes:
            if node.address and not node.address.startswith(UNIX):
                own = _of_family(wished.source_addresses, split_host_port(node.address)[0])
                before = found.get(node.address, Use(0, 0, 0))
                addresses = max(before.addresses, own)
                found[node.address] = Use(before.sessions + node.active, ports * addresses, addresses)
    return found


def _of_family(sources: tuple[str, ...], host: str) -> int:
    """The kernel's own choice is one address."""
    return max(1, sum((":" in source) == (":" in host) for source in sources))


class SourcePorts:
    """What was told and still holds, by the node's address."""

    def __init__(self, chronicle: Chronicle, clock: Callable[[], float]) -> None:
        self._chronicle = chronicle
        self._clock = clock
        self._reached: dict[str, Limit] = {}

    def look(self, found: Mapping[str, Use]) -> None:
        """Tell of what has changed."""
        for address, use in found.items():
            if address not in self._reached and use.ports and use.sessions >= REACHED * use.ports:
                message = _sentence(address, use)
                self._reached[address] = Limit(WORD, message, self._clock())
                self._chronicle.record("limit-reached", f"limit {WORD}", message, by="source ports")
        for address in tuple(self._over(found)):
            del self._reached[address]
            message = f"there are enough ports to {address} again"
            self._chronicle.record("limit-cleared", f"limit {WORD}", message, by="source ports")

    def limits(self) -> list[Limit]:
        """Those that are reached now."""
        return list(self._reached.values())

    def _over(self, found: Mapping[str, Use]) -> Iterator[str]:
        for address in self._reached:
            use = found.get(address)
            if use is None or use.sessions < CLEARED * use.ports:
                yield address


def _sentence(address: str, use: Use) -> str:
    share = 100 * use.sessions // use.ports
    ours = "one address" if use.addresses == 1 else f"each of {use.addresses} addresses"
    return (
        f"{use.sessions} sessions to {address} use {share} % of the {use.ports} ports that {ours} of ours "
        "has there: add source_addresses, or widen net.ipv4.ip_local_port_range"
    )
