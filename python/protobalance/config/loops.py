"""Listeners whose clients come back to them, since a node is an address that a listener binds: one client
would open sessions until `max_sessions` is reached. Seen where an address of ours is written as such: the
listener's own, or the loopback behind a wildcard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from protobalance.config.addresses import UNIX, split_bind, split_host_port
from protobalance.config.model import Cluster, Config, Listener
from protobalance.config.writing import write_path

ANY_V4, ANY_V6 = "0.0.0.0", "::"  # noqa: S104 - compared, not bound

Hop = tuple[str, str]  # a node in words, and the listener it leads to


def loops(config: Config) -> list[str]:
    """One sentence for each, at the listener of it that comes first, beginning with its key."""
    hops = _hops(config)
    later = set(hops)
    sentences = []
    for listener in config.listeners:
        way = _way_back(listener, hops, later)
        later.discard(listener)
        if way:
            key = write_path(("listeners", listener))
            round_about = ", ".join(f"{node} leads to {write_path(('listeners', to))}" for node, to in way)
            said = "its clients would come back to it until max_sessions is reached"
            sentences.append(f"{key}: {said}: {round_about}")
    return sentences


def _way_back(start: str, hops: dict[str, list[Hop]], among: set[str]) -> list[Hop]:
    """The shortest way from a listener to itself, by others of these; empty if there is none."""
    ways: deque[tuple[str, list[Hop]]] = deque([(start, [])])
    seen = set()
    while ways:
        at, way = ways.popleft()
        for hop in hops.get(at, ()):
            if hop[1] == start:
                return [*way, hop]
            if hop[1] in among and hop[1] not in seen:
                seen.add(hop[1])
                ways.append((hop[1], [*way, hop]))
    return []


def _hops(config: Config) -> dict[str, list[Hop]]:
    """Where its nodes lead, by listener."""
    bound = {
        (ports.host, port): listener.name
        for listener in config.listeners.values()
        for ports in map(split_bind, listener.bind)
        for port in range(ports.first, ports.last + 1)
    }
    of_cluster = {name: list(_hops_of(cluster, bound)) for name, cluster in config.clusters.items()}
    return {
        listener.name: [hop for cluster in _fed(listener) for hop in of_cluster.get(cluster, ())]
        for listener in config.listeners.values()
    }


def _fed(listener: Listener) -> Iterator[str]:
    yield listener.cluster
    yield from listener.server_names.values()


def _hops_of(cluster: Cluster, bound: dict[tuple[str, int], str]) -> Iterator[Hop]:
    for node in cluster.nodes.values():
        if node.admin_state == "offline" or node.address.startswith(UNIX):
            continue
        host, port = split_host_port(node.address)
        to = next((bound[host, port] for host in _bound_as(host) if (host, port) in bound), None)
        if to is not None:
            key = write_path(("clusters", cluster.name, "nodes", node.name))
            yield f"{key} ({node.address})", to


def _bound_as(host: str) -> tuple[str, ...]:
    """How a listener may have bound what a node's host reaches on this machine, the more exact first."""
    if host == "localhost":
        return ("127.0.0.1", ANY_V4, "::1", ANY_V6)
    if host == ANY_V4:  # connected to, it is the loopback
        return (host, "127.0.0.1")
    if host == ANY_V6:
        return (host, "::1")
    if host.startswith("127."):
        return (host, ANY_V4)
    return (host, ANY_V6) if host == "::1" else (host,)
