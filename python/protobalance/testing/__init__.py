"""The pytest fixture `balancer`: running balancers on free ports, stopped at the end of the test.

    def test_failover(balancer):
        lb = balancer({"a": ("127.0.0.1", 9001), "b": "127.0.0.1:9002"}, policy="round-robin")
        socket.create_connection(lb.address("main"))

Given node addresses by name, it makes one listener and one cluster, both called `main`; keywords are the
cluster's keys. Given a whole configuration (with `listeners`), it takes that as it is.
"""

# pytest loads this file at every start, in projects that may not use it: it imports nothing heavy.
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from protobalance.config import Config
    from protobalance.control.balancer import Balancer

Address = str | tuple[str, int]
Factory = Callable[..., "Balancer"]


@pytest.fixture
def balancer() -> Iterator[Factory]:
    """A factory of running balancers: `balancer(nodes, **cluster_options)` or `balancer(config)`."""
    from contextlib import ExitStack  # noqa: PLC0415 - see above

    with ExitStack() as running:

        def start(wish: Mapping[str, object] | Config | str | Path, **cluster_options: object) -> Balancer:
            from protobalance.control.balancer import Balancer  # noqa: PLC0415 - see above

            if isinstance(wish, Mapping) and "listeners" not in wish:
                wish = configuration_of(wish, cluster_options)
            elif cluster_options:
                raise TypeError("cluster options go with node addresses, not with a whole configuration")
            return running.enter_context(Balancer(wish))

        yield start


def configuration_of(nodes: Mapping[str, object], cluster_options: Mapping[str, object]) -> dict[str, object]:
    """One listener on a free loopback port and one cluster of `nodes`: an address, or a node's table."""
    return {
        "listeners": {"main": {"bind": "127.0.0.1:0", "cluster": "main"}},
        "clusters": {
            "main": {**cluster_options, "nodes": {name: _table(node) for name, node in nodes.items()}}
        },
        "log": {"sessions": "off"},
    }


def _table(node: object) -> Mapping[str, object]:
    match node:
        case str():
            return {"address": node}
        case (str() as host, int() as port, *_):  # as getsockname() gives it
            return {"address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}
        case Mapping():
            return node
        case _:
            raise TypeError(f"{node!r} is no address: give (host, port), 'host:port' or a node's table")
