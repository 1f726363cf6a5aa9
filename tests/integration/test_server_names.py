"""TLS clients go where the name leads that they ask for, whatever their ClientHello's cut; their bytes are
not touched, and nothing else than TLS gets in.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from peers import pbload
from peers.joined import PATIENCE, accepted, listening, read_exactly
from peers.process import wait_until
from peers.records import logged, records
from peers.wish import Config, cluster
from protobalance import Balancer

Nodes = dict[str, socket.socket]


def hello(name: str | None) -> bytes:
    """What a client sends that asks for this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(heard, said, server_hostname=name).do_handshake()
    return said.read()


def in_records(message: bytes, size: int) -> bytes:
    """The same handshake, its one record cut into many."""
    body = message[5:]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(message[:3] + len(part).to_bytes(2) + part for part in parts)


@contextmanager
def routed(log: Path | None = None) -> Iterator[tuple[Balancer, Nodes]]:
    """A listener with three clusters of one node each, played by the test."""
    with ExitStack() as stack:
        nodes = {name: stack.enter_context(listening()) for name in ("web", "shop", "any")}
        config: Config = {
            "log": {"sessions": "off"},
            "listeners": {
                "in": {
                    "bind": "127.0.0.1:0",
                    "cluster": "web",
                    "protocol": "tls",
                    "server_names": {"shop.example.org": "shop", "*.Example.org.": "any"},
                    "preface_timeout": "500ms",
                }
            },
            "clusters": {name: cluster({"n": node.getsockname()}) for name, node in nodes.items()},
        }
        balancer = stack.enter_context(Balancer(logged(config, log) if log else config))
        yield balancer, nodes


def client(balancer: Balancer) -> socket.socket:
    connection = socket.create_connection(balancer.address("in"), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop.example.org", "shop"),
        ("SHOP.example.ORG", "shop"),
        ("mail.example.org", "any"),
        ("a.b.example.org", "web"),
        ("example.org", "web"),
        (None, "web"),
    ],
)
def test_a_name_leads_where_it_shall(name: str | None, expected: str) -> None:
    """Whole, in small records, and the hello itself arrives as it was sent."""
    message = hello(name)
    with routed() as (balancer, nodes):
        for sent in (message, in_records(message, 7), message + b"early data"):
            with client(balancer) as connection:
                connection.sendall(sent)
                with accepted(nodes[expected]) as node:
                    assert read_exactly(node, len(sent)) == sent
        (explained, *_) = balancer.explain("127.0.0.1", server_name=name).recorded
        assert explained.decision.cluster == expected
        assert (name or "127.0.0.1").lower() in explained.sentence
        (would,) = balancer.explain("127.0.0.1", server_name=name).now
        assert would.decision.cluster == expected


def test_a_hello_may_come_in_any_pieces() -> None:
    message = in_records(hello("shop.example.org"), 100)
    with routed() as (balancer, nodes):
        for cut in (1, 5, 6, len(message) // 2, len(message) - 1):
            with client(balancer) as connection:
                connection.sendall(message[:cut])
                wait_until(lambda: phases(balancer) == ["arriving"], "a part has come")
                connection.sendall(message[cut:])
                with accepted(nodes["shop"]) as node:
                    assert read_exactly(node, len(message)) == message
            wait_until(lambda: not phases(balancer), "it is gone")


def phases(balancer: Balancer) -> list[str]:
    return [session.phase for session in balancer.sessions().sessions]


def test_a_hello_as_long_as_may_be_comes_through_in_small_records() -> None:
    """60 KB in records of 100 bytes."""
    body = hello("shop.example.org")[9:]
    # One more extension behind the others, of a kind that nobody knows.
    sessions = 35 + body[34]
    ciphers = sessions + 2 + int.from_bytes(body[sessions : sessions + 2])
    at = ciphers + 1 + body[ciphers]
    extensions = body[at + 2 :] + b"\xfa\xfa" + (58_000).to_bytes(2) + bytes(58_000)
    body = body[:at] + len(extensions).to_bytes(2) + extensions
    message = in_records(b"\x16\x03\x01\0\0\x01" + len(body).to_bytes(3) + body, 100)
    with routed() as (balancer, nodes), client(balancer) as connection:
        connection.sendall(message)
        with accepted(nodes["shop"]) as node:
            assert read_exactly(node, len(message)) == message


@pytest.mark.parametrize(
    ("said", "ends", "reason", "detail"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "", "bad-preface", "no TLS handshake"),
        (b"\x16\x03\x01\0\x05\x02\0\0\x01\0", "", "bad-preface", "a TLS handshake without a ClientHello"),
        (b"\x16\x03\x01", "ends", "bad-preface", "ended within its TLS ClientHello"),
        (b"", "ends", "client-closed", ""),
        (b"\x16\x03\x01", "", "preface-timeout", ""),
        (b"", "", "preface-timeout", ""),
    ],
    ids=["plain", "server-hello", "cut", "gone", "slow", "silent"],
)
def test_what_is_no_tls_reaches_no_node(
    said: bytes, ends: str, reason: str, detail: str, tmp_path: Path
) -> None:
    with routed(tmp_path / "log") as (balancer, _), client(balancer) as connection:
        connection.sendall(said)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        (record,) = records(tmp_path / "log", 1)
    assert (record["reason"], record["detail"], record["attempts"]) == (reason, detail, [])


def test_a_redirect_is_for_those_without_a_name_of_their_own() -> None:
    with routed() as (balancer, nodes):
        balancer.redirect("in", "any")
        for name, expected in (("shop.example.org", "shop"), (None, "any")):
            with client(balancer) as connection:
                connection.sendall(hello(name))
                accepted(nodes[expected]).close()
        (listener,) = balancer.status().listeners
        assert listener.cluster == "any"
        assert listener.server_names == {"shop.example.org": "shop", "*.example.org": "any"}


def test_who_arrives_meanwhile_goes_by_the_newest_plan(tmp_path: Path) -> None:
    with routed(tmp_path / "log") as (balancer, nodes), listening() as other:
        config = balancer_config(nodes, tmp_path / "log")
        with client(balancer) as arriving:
            message = hello("shop.example.org")
            arriving.sendall(message[:50])
            wait_until(lambda: phases(balancer) == ["arriving"], "a part has come")
            config["clusters"]["shop"]["nodes"] = {"m": {"address": "{}:{}".format(*other.getsockname())}}
            balancer.apply(config)
            arriving.sendall(message[50:])
            with accepted(other) as node:
                assert read_exactly(node, len(message)) == message


def test_who_waits_for_a_node_stays_with_its_name(tmp_path: Path) -> None:
    """The only node does not answer; its cluster gets another, and a redirect is for others."""
    with routed() as (balancer, nodes), listening() as other, pbload.nodes("blackhole") as silent:
        config = balancer_config(nodes, tmp_path / "log")
        config["clusters"]["shop"] = cluster(silent, connect_timeout="1s")
        balancer.apply(config)
        with client(balancer) as waiting:
            message = hello("shop.example.org")
            waiting.sendall(message)
            wait_until(lambda: phases(balancer) == ["connecting"], "it waits for a node")
            config["clusters"]["shop"]["nodes"] = {"m": {"address": "{}:{}".format(*other.getsockname())}}
            balancer.apply(config)
            balancer.redirect("in", "any")
            with accepted(other) as node:
                assert read_exactly(node, len(message)) == message


def balancer_config(nodes: Nodes, log: Path) -> Config:
    names = {"shop.example.org": "shop", "*.example.org": "any"}
    listener = {"bind": "127.0.0.1:0", "cluster": "web", "protocol": "tls", "server_names": names}
    config: Config = {
        "listeners": {"in": listener},
        "clusters": {name: cluster({"n": node.getsockname()}) for name, node in nodes.items()},
    }
    return logged(config, log)
