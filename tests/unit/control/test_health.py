"""A check's outcome is the node's, in the engine's words; our own shortage is no outcome."""

from __future__ import annotations

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from protobalance.config.model import Check
from protobalance.control import health
from protobalance.control.background import check_round
from protobalance.control.node_setting import NodeSetting
from unit.control.conftest import FILE, World


def test_a_node_that_listens_passes_and_one_that_does_not_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert asyncio.run(health.check(address, 60.0)) == ""
    assert asyncio.run(health.check(address, 60.0)) == "refused"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "node"))
        listening.listen()
        assert asyncio.run(health.check(f"unix:{tmp_path}/node", 60.0)) == ""
    assert asyncio.run(health.check(f"unix:{tmp_path}/other", 60.0)) == "refused"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_node_that_expects_a_header_is_told_that_the_connection_is_our_own(version: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        header = health.HEADERS[version]
        assert asyncio.run(health.check(address, 60.0, header)) == ""
        node, _ = listening.accept()
        with node:
            assert node.recv(100) == header


def test_a_node_that_says_nothing_times_out() -> None:
    # A full backlog: the kernel answers no further connection.
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        with socket.socket() as filler, socket.socket() as another:
            for each in (filler, another):
                each.setblocking(False)  # noqa: FBT003 - its signature
                each.connect_ex(listening.getsockname())
            address = f"127.0.0.1:{listening.getsockname()[1]}"
            assert asyncio.run(health.check(address, 0.05)) == "timed-out"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(errno.EMFILE, None), (errno.EADDRNOTAVAIL, None), (errno.EHOSTUNREACH, "unreachable")],
)
def test_our_own_shortage_is_no_outcome(
    monkeypatch: pytest.MonkeyPatch, number: int, outcome: str | None
) -> None:
    def fail(address: str) -> socket.socket:
        raise OSError(number, f"no socket for {address}")

    monkeypatch.setattr(health, "_socket", fail)
    assert asyncio.run(health.check("127.0.0.1:1", 60.0)) == outcome


def test_every_node_but_the_offline_and_unresolved_is_checked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(address: str, bound: float, header: bytes) -> str | None:
        assert (bound, header) == (2.0, b"")
        return {"10.0.0.1:80": "", "10.0.0.3:80": "refused", "10.0.0.4:80": None}[address]

    monkeypatch.setattr("protobalance.control.background.check", check)
    more = "".join(
        f'[clusters.web.nodes.{name}]\naddress = "{address}:80"\n'
        for name, address in [("c", "10.0.0.3"), ("d", "10.0.0.4"), ("e", "e.internal")]
    )
    supervisor = world.supervisor(FILE + more)
    supervisor.set_node("web", "b", NodeSetting("offline"))
    supervisor.set_node("web", "c", NodeSetting("draining"))
    asyncio.run(check_round(supervisor.running, "web", Check(timeout=2.0)))
    assert world.engine.checks == [("web", "a", ""), ("web", "c", "refused")]
