"""TLS towards nodes: whom it trusts, what happens to a node that fails the handshake, ends and cuts."""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from peers import pbload
from peers.authority import Authority, table
from peers.certificate import Certificate
from peers.joined import PATIENCE, accepted, exchange, listening, read_exactly, read_to_end
from peers.nginx import nginx
from peers.process import Address
from peers.records import logged, records
from peers.wish import Config, wish
from protobalance import Balancer

NAME = "node.test"


@pytest.fixture(scope="module")
def shown(authority: Authority) -> Certificate:
    return authority.signs(NAME)


def to_nodes(nodes: dict[str, Address], authority: Authority, **tls: Any) -> Config:
    """A cluster whose nodes are spoken TLS with."""
    return wish(nodes, tls={"ca": str(authority.file), "server_name": NAME} | tls, retry_interval="1h")


def serving(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    return context


@contextmanager
def session(
    authority: Authority, shown: Certificate, log: Path
) -> Iterator[tuple[socket.socket, ssl.SSLSocket]]:
    """Both ends of a session: a client in the clear, a node that speaks TLS; one byte went each way."""
    with ExitStack() as stack:
        server = stack.enter_context(listening())
        config = logged(to_nodes({"n": server.getsockname()[:2]}, authority), log)
        balancer = stack.enter_context(Balancer(config))
        client = stack.enter_context(socket.create_connection(balancer.address("in"), PATIENCE))
        plain = accepted(server)
        node = stack.enter_context(
            serving(shown).wrap_socket(plain, server_side=True, suppress_ragged_eofs=False)
        )
        exchange(client, node)
        yield client, node


def test_nginx_serves_behind_it(authority: Authority) -> None:
    """A name of its own for each node, and a client that reads 50 MB."""

    def certify(folder: Path, name: str) -> Certificate:
        return authority.signs(NAME, file=name)

    with nginx("ab", certify) as servers, Balancer(to_nodes(servers.secure, authority)) as balancer:
        host, port = balancer.address("in")
        seen = set()
        for _ in servers.secure:
            with urllib.request.urlopen(f"http://{host}:{port}/small", timeout=PATIENCE) as answer:
                assert answer.read() == servers.small
                seen.add(answer.headers["X-Node"])
        with urllib.request.urlopen(f"http://{host}:{port}/large", timeout=PATIENCE) as answer:
            assert len(answer.read()) == 50_000_000
    assert seen == {"a", "b"}


def test_nodes_that_cannot_be_trusted_are_passed_over(
    authority: Authority, shown: Certificate, tmp_path: Path
) -> None:
    """Each with its reason, and none has seen a byte of the client's. One speaks no TLS, one says nothing."""
    stranger = Authority(tmp_path, "stranger")
    with ExitStack() as stack:
        bad = {
            "wrong-name": stack.enter_context(tls_node(authority.signs("other.test"))),
            "stranger": stack.enter_context(tls_node(stranger.signs(NAME, file="strange"))),
            "expired": stack.enter_context(tls_node(authority.signs(NAME, days=-1, file="expired"))),
            **stack.enter_context(pbload.nodes("greet", 1, name="plain")),
            **stack.enter_context(pbload.nodes("close", 1)),
            **stack.enter_context(pbload.nodes("refuse", 1)),
        }
        good = {"good": stack.enter_context(tls_node(shown))}
        config = to_nodes(bad | good, authority)
        config["clusters"]["c"]["connect_timeout"] = "300ms"
        balancer = stack.enter_context(Balancer(config))
        with socket.create_connection(balancer.address("in"), PATIENCE) as client:
            client.sendall(b"hello\n")
            assert read_exactly(client, 6) == b"olleh\n"
        (explained,) = balancer.explain(limit=1).recorded
        failures = {each.node: each.failure for each in explained.decision.attempts}
        health = {node.name: node.health for node in balancer.status().clusters[0].nodes}
    # A close with our first words unread is a reset.
    assert failures.pop("close") in {"closed-early", "reset"}
    assert failures == {
        "wrong-name": "tls-wrong-name",
        "stranger": "tls-unknown-issuer",
        "expired": "tls-expired",
        "plain": "tls-protocol",
        "refuse": "refused",
        "good": "",
    }
    assert {name for name, state in health.items() if state == "up"} == {"good"}


@contextmanager
def tls_node(certificate: Certificate, context: ssl.SSLContext | None = None) -> Iterator[Address]:
    """A node that speaks TLS and sends each line back reversed."""
    context = context or serving(certificate)
    with listening() as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as node, node.makefile("rb") as lines:
                        for line in lines:
                            node.sendall(line.rstrip(b"\n")[::-1] + b"\n")
                except OSError:
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)


def test_a_node_that_never_shakes_hands_is_passed_over(authority: Authority, shown: Certificate) -> None:
    """Law 3: the handshake is part of the attempt, and `connect_timeout` bounds it."""
    with listening() as silent, tls_node(shown) as good:
        config = to_nodes({"silent": silent.getsockname()[:2], "good": good}, authority)
        config["clusters"]["c"]["connect_timeout"] = "100ms"
        with (
            Balancer(config) as balancer,
            socket.create_connection(balancer.address("in"), PATIENCE) as client,
        ):
            client.sendall(b"hello\n")
            assert read_exactly(client, 6) == b"olleh\n"
            (explained,) = balancer.explain(limit=1).recorded
    assert [each.failure for each in explained.decision.attempts] == ["timed-out", ""]


def test_a_node_sees_our_certificate(authority: Authority, shown: Certificate) -> None:
    context = serving(shown)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    mine = authority.signs("balancer.test")
    with tls_node(shown, context) as node:
        with Balancer(to_nodes({"n": node}, authority, **table(mine))) as balancer:
            assert asked(balancer) == b"olleh\n"
        with Balancer(to_nodes({"n": node}, authority)) as balancer:
            assert asked(balancer) == b""


def asked(balancer: Balancer) -> bytes:
    with socket.create_connection(balancer.address("in"), PATIENCE) as client:
        try:
            client.sendall(b"hello\n")
            return read_exactly(client, 6)
        except ConnectionResetError:
            return b""


def test_who_is_not_looked_at_may_be_anybody(tmp_path: Path) -> None:
    """`verify = false` has to be asked for, and is warned about."""
    stranger = Authority(tmp_path, "stranger")
    with tls_node(stranger.signs("any.test")) as node:
        config = wish({"n": node}, tls={"verify": False})
        with Balancer(config) as balancer:
            assert asked(balancer) == b"olleh\n"


def test_the_header_comes_before_the_handshake(authority: Authority, shown: Certificate) -> None:
    config_of = {"send_proxy_protocol": "v1"}
    with listening() as server:
        config = to_nodes({"n": server.getsockname()[:2]}, authority)
        config["clusters"]["c"] |= config_of
        with (
            Balancer(config) as balancer,
            socket.create_connection(balancer.address("in"), PATIENCE) as client,
            accepted(server) as plain,
        ):
            mine, port = client.getsockname()
            there = balancer.address("in")[1]
            header = f"PROXY TCP4 {mine} 127.0.0.1 {port} {there}\r\n".encode()
            assert read_exactly(plain, len(header)) == header
            with serving(shown).wrap_socket(plain, server_side=True) as node:
                client.sendall(b"hello")
                assert read_exactly(node, 5) == b"hello"


def test_the_client_ends_first_and_the_answer_comes_late(
    authority: Authority, shown: Certificate, tmp_path: Path
) -> None:
    with session(authority, shown, tmp_path / "log") as (client, node):
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(node) == b"question"
        node.sendall(b"late answer")
        node.unwrap()
        assert read_to_end(client) == b"late answer"
    assert records(tmp_path / "log", 1)[0]["reason"] == "client-closed"


def test_an_answer_that_is_cut_off_is_no_whole_answer(
    authority: Authority, shown: Certificate, tmp_path: Path
) -> None:
    """Its node closed without close_notify; anybody in between could have done that."""
    with session(authority, shown, tmp_path / "log") as (client, node):
        node.sendall(b"half of it")
        node.close()
        assert read_exactly(client, 10) == b"half of it"
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        (record,) = records(tmp_path / "log", 1)
    assert record["reason"] == "node-reset"


def test_twenty_megabytes_arrive_each_way_through_both(authority: Authority, shown: Certificate) -> None:
    """TLS ended here and begun anew, and nothing changed between."""
    data = bytes(range(256)) * 80_000
    with listening() as server:
        config = to_nodes({"n": server.getsockname()[:2]}, authority)
        config["listeners"]["in"]["tls"] = {"certificates": table(shown)}
        with Balancer(config) as balancer:
            plain = socket.create_connection(balancer.address("in"), PATIENCE)
            with authority.trusting().wrap_socket(plain, server_hostname=NAME) as client:
                got: dict[str, bytes] = {}

                def serve() -> None:
                    with serving(shown).wrap_socket(accepted(server), server_side=True) as node:
                        got["node"] = read_exactly(node, len(data))
                        node.sendall(data)
                        node.unwrap()

                thread = threading.Thread(target=serve)
                thread.start()
                client.sendall(data)
                got["client"] = read_exactly(client, len(data))
                assert client.recv(1) == b"", "a clean end"
                client.unwrap()
                thread.join()
    assert got == {"node": data, "client": data}


def test_the_protocol_agreed_on_is_asked_of_the_node(authority: Authority, shown: Certificate) -> None:
    context = serving(shown)
    context.set_alpn_protocols(["h2", "http/1.1"])
    heard: list[str | None] = []
    with listening() as server:
        config = to_nodes({"n": server.getsockname()[:2]}, authority)
        config["listeners"]["in"]["tls"] = {"certificates": table(shown), "alpn": ["h2", "http/1.1"]}
        with Balancer(config) as balancer:

            def serve() -> None:
                with context.wrap_socket(accepted(server), server_side=True) as node:
                    heard.append(node.selected_alpn_protocol())
                    node.sendall(b"\n")

            thread = threading.Thread(target=serve)
            thread.start()
            speaking = authority.trusting()
            speaking.set_alpn_protocols(["http/1.1"])
            plain = socket.create_connection(balancer.address("in"), PATIENCE)
            with speaking.wrap_socket(plain, server_hostname=NAME) as client:
                assert client.selected_alpn_protocol() == "http/1.1"
                assert client.recv(1) == b"\n"
            thread.join()
    assert heard == ["http/1.1"]
