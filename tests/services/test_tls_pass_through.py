"""TLS between client and node, which the balancer cannot read. docs/services/tls-pass-through.md"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from peers import pbload
from peers.certificate import self_signed, shown_to, trusting_all
from peers.example import example
from peers.nginx import Nginx
from peers.openssl import OpenSsl, s_client, s_server
from peers.wish import wish
from protobalance import Balancer


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, OpenSsl]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(s_server(name)) for name in "ab"}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client_sees_the_nodes_own_certificate(servers: dict[str, OpenSsl], version: str) -> None:
    """Law 1: what is authenticated byte by byte is not refused."""
    nodes = {f"shop/{name}": server.address for name, server in servers.items()}
    with Balancer(example("tls-pass-through", nodes)) as balancer:
        (home,) = {
            name
            for name in "ab"
            if f"CN = {name}\n" in s_client(balancer.address("shop"), "hello", [version])
        }
        balancer.set_node(f"shop/{home}", "draining")
        (other,) = set("ab") - {home}
        said = s_client(balancer.address("shop"), "hello", [version])
    assert f"subject=CN = {other}\n" in said
    assert "olleh" in said


def test_a_client_certificate_reaches_the_node(tmp_path: Path) -> None:
    """Mutual TLS: the node asks, the client answers, nobody in between needs to know."""
    mine = self_signed(tmp_path, "client")
    offered = ["-cert", str(mine.file), "-key", str(mine.key)]
    with (
        s_server("strict", ["-Verify", "1", "-CAfile", str(mine.file), "-verify_return_error"]) as server,
        Balancer(wish({"strict": server.address})) as balancer,
    ):
        assert "olleh" in s_client(balancer.address("in"), "hello", offered)
        assert "olleh" not in s_client(balancer.address("in"), "hello")


def test_a_handshake_moves_on_from_a_node_that_takes_it_and_dies(servers: dict[str, OpenSsl]) -> None:
    """Law 3 with `replay_unanswered`: a ClientHello may be sent twice."""
    with pbload.nodes("close-after-read", 2) as dying:
        nodes = {**dying, "a": servers["a"].address}
        with Balancer(wish(nodes, retry_interval="1h", replay_unanswered=True)) as balancer:
            assert "olleh" in s_client(balancer.address("in"), "hello")
            (record,) = balancer.explain(limit=1).recorded
    assert [attempt.failure for attempt in record.decision.attempts] == ["unanswered", "unanswered", ""]


def test_python_sees_the_certificate_of_the_node_that_answers(nginx: Nginx) -> None:
    """Round robin: each node in its turn, with its own certificate."""
    seen = {}
    with Balancer(wish(nginx.secure)) as balancer:
        for _ in nginx.secure:
            with (
                socket.create_connection(balancer.address("in"), timeout=10) as plain,
                trusting_all().wrap_socket(plain, server_hostname="shop.example.test") as client,
            ):
                client.sendall(b"GET /small HTTP/1.1\r\nHost: shop.example.test\r\n\r\n")
                answer = http.client.HTTPResponse(client)
                answer.begin()
                assert answer.read() == nginx.small
                seen[answer.headers["X-Node"]] = shown_to(client)
    assert seen == {name: certificate.fingerprint for name, certificate in nginx.certificates.items()}
