"""Admin states and health, as the sessions of a node live through them (laws 4 and 5)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from peers import pbload
from peers.joined import PATIENCE, exchange, listening, session
from peers.process import wait_until
from peers.wish import wish
from protobalance import Balancer


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with listening() as one:
        yield one


@contextmanager
def answering(server: socket.socket) -> Iterator[None]:
    """Says a byte to whoever connects, until the `with` ends."""

    def answer() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"n")
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(100):
                        pass

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_draining_node_keeps_its_sessions_and_takes_none(server: socket.socket) -> None:
    """Law 5; what the other node cannot take is not given to it either."""
    with pbload.nodes("greet", name="other") as other:
        config = wish({"n": server.getsockname()[:2]} | other)
        with Balancer(config) as balancer:
            balancer.set_node("c/other", "draining")
            with session(balancer.address("in"), server) as (client, node):
                balancer.set_node("c/other", "available")
                balancer.set_node("c/n", "draining")
                result = pbload.connect(balancer.address("in"), 100, kind="server-first")
                assert (result["errors"], result["nodes"]) == ({}, {"other": 100})
                exchange(client, node)
                client.shutdown(socket.SHUT_WR)
                assert node.recv(1) == b""


def test_affinity_does_not_bring_a_client_to_a_draining_node() -> None:
    """Law 5: "affine ones included"; law 6: home again when home is back."""
    with (
        pbload.nodes("echo", 2, name="n") as nodes,
        Balancer(wish(nodes, affinity={"idle": "1h", "capacity": 1000})) as balancer,
    ):
        address = balancer.address("in")
        (home,) = pbload.connect(address, 20)["nodes"]
        balancer.set_node(f"c/{home}", "draining")
        (refuge,) = pbload.connect(address, 20)["nodes"]
        assert refuge != home
        balancer.set_node(f"c/{home}", "available")
        assert set(pbload.connect(address, 20)["nodes"]) == {home}


def test_an_offline_node_loses_its_sessions_by_a_reset_on_both_sides(server: socket.socket) -> None:
    """Law 5: so that nobody mistakes it for a clean end."""
    with Balancer(wish({"n": server.getsockname()[:2]})) as balancer:
        with session(balancer.address("in"), server) as ends:
            balancer.set_node("c/n", "offline")
            for end in ends:
                with pytest.raises(ConnectionResetError):
                    end.recv(1)
        wait_until(lambda: balancer.status().active == 0, "the session is gone")


@pytest.mark.parametrize("mode", ["greet", "echo"])
def test_a_node_that_comes_back_is_found_by_a_trial(mode: str) -> None:
    """Law 4: down until its retry time, then one session decides, whoever speaks first in it."""
    with socket.socket() as absent, pbload.nodes(mode, name="other") as other:
        absent.bind(("127.0.0.1", 0))
        config = wish({"n": absent.getsockname()} | other, retry_interval="50ms")
        with Balancer(config) as balancer:
            address = balancer.address("in")

            def health_after_traffic() -> str:
                # Round robin: two sessions meet each node that takes clients once.
                for _ in range(2):
                    with socket.create_connection(address, timeout=PATIENCE) as client:
                        if mode == "echo":
                            client.sendall(b"n")
                        assert client.recv(1)
                return next(node.health for node in balancer.status().clusters[0].nodes if node.name == "n")

            assert health_after_traffic() == "down"
            absent.listen(128)
            with answering(absent):
                wait_until(lambda: health_after_traffic() == "up", "the node is up again")


def test_a_node_that_is_down_keeps_its_sessions(server: socket.socket) -> None:
    """Law 4 is about new sessions: those a node has are its own affair."""
    with (
        pbload.nodes("greet", name="other") as other,
        Balancer(wish({"n": server.getsockname()[:2]})) as balancer,
    ):
        address = balancer.address("in")
        with session(address, server) as (client, node):
            balancer.apply(wish({"n": server.getsockname()[:2]} | other))
            server.close()
            assert pbload.connect(address, 50, kind="server-first")["nodes"] == {"other": 50}
            exchange(client, node)
