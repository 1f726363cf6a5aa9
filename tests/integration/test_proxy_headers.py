"""PROXY headers from the front, believed only from where they may come, and to the nodes, before anything
else and of no account: a session is what it would be without them.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from peers.joined import PATIENCE, accepted, listening, read_exactly, read_to_end
from peers.process import wait_until
from peers.records import logged, records
from peers.wish import Config, wish
from protobalance import Balancer

ONE = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
TWO = bytes.fromhex("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336401 dc04 01bb")
HEADERS = pytest.mark.parametrize("header", [ONE, TWO], ids=["v1", "v2"])


def behind(server: socket.socket, mode: str = "required", *sources: str, **settings: Any) -> Config:
    """A listener behind another proxy, in front of this node."""
    config = wish({"n": server.getsockname()[:2]}, **settings)
    config["listeners"]["in"] |= {
        "proxy_protocol": mode,
        "proxy_protocol_from": list(sources or ["127.0.0.0/8"]),
    }
    return config


def connected(balancer: Balancer) -> socket.socket:
    client = socket.create_connection(balancer.address("in"), timeout=PATIENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


@HEADERS
def test_a_header_names_the_client_however_it_is_cut(header: bytes) -> None:
    """Byte by byte, and with the client's first words in one piece with it."""
    with listening() as server, Balancer(behind(server)) as balancer:
        with connected(balancer) as client:
            client.sendall(header + b"hello")
            with accepted(server) as node:
                assert read_exactly(node, 5) == b"hello"
                (session,) = balancer.sessions().sessions
                ends = "192.0.2.1:56324", "{}:{}".format(*client.getsockname())
                assert (session.client, session.via) == ends
        for cut in range(1, len(header), 7):
            with connected(balancer) as client:
                client.sendall(header[:cut])
                wait_until(lambda: arriving(balancer) == 1, "the first part has come")
                client.sendall(header[cut:] + b"hello")
                client.shutdown(socket.SHUT_WR)
                with accepted(server) as node:
                    assert read_to_end(node) == b"hello"


def arriving(balancer: Balancer) -> int:
    return sum(session.phase == "arriving" for session in balancer.sessions().sessions)


def test_a_stranger_is_refused_where_a_header_is_required(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        listening() as server,
        Balancer(logged(behind(server, "required", "10.0.0.0/8"), log)) as balancer,
        connected(balancer) as client,
    ):
        assert client.recv(1) == b""
        (record,) = records(log, 1)
        assert (record["reason"], record["detail"]) == ("bad-preface", "not in proxy_protocol_from")
        (listener,) = balancer.status().listeners
        assert (listener.opened, listener.closed, listener.active) == (1, 1, 0)
        assert listener.bad_prefaces == 1


def test_a_strangers_header_is_not_believed_where_it_is_optional() -> None:
    """What it sends is its own."""
    with (
        listening() as server,
        Balancer(behind(server, "optional", "10.0.0.0/8")) as balancer,
        connected(balancer) as client,
    ):
        client.sendall(ONE)
        with accepted(server) as node:
            assert read_exactly(node, len(ONE)) == ONE
            (session,) = balancer.sessions().sessions
            assert session.client == "{}:{}".format(*client.getsockname())


def test_an_optional_header_may_be_missing() -> None:
    """Whether the client speaks first, or the node after the header did not come in time."""
    with listening() as server:
        config = behind(server, "optional")
        config["listeners"]["in"]["preface_timeout"] = "200ms"
        with Balancer(config) as balancer:
            with connected(balancer) as client:
                client.sendall(b"EHLO")
                with accepted(server) as node:
                    assert read_exactly(node, 4) == b"EHLO"
            with connected(balancer) as client, accepted(server) as node:
                node.sendall(b"220")
                assert read_exactly(client, 3) == b"220"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "bad-preface"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", "bad-preface"),
        (b"PROXY ", "preface-timeout"),
        (b"", "preface-timeout"),
    ],
    ids=["no-header", "malformed", "unfinished", "silent"],
)
def test_who_sends_no_header_where_one_is_required_is_turned_away(
    said: bytes, reason: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with listening() as server:
        config = behind(server)
        config["listeners"]["in"]["preface_timeout"] = "100ms"
        with Balancer(logged(config, log)) as balancer, connected(balancer) as client:
            client.sendall(said)
            with suppress(ConnectionResetError):  # what was not read cannot be answered
                assert client.recv(1) == b""
            (record,) = records(log, 1)
    assert (record["reason"], record["attempts"], record["node"]) == (reason, [], None)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_node_is_told_of_the_client_first(version: str) -> None:
    """Also one that is tried after another has closed without a word, though it was told as well (law 3)."""
    with listening() as bad, listening() as good:
        nodes = {"bad": bad.getsockname()[:2], "good": good.getsockname()[:2]}
        with Balancer(wish(nodes, send_proxy_protocol=version)) as balancer, connected(balancer) as client:
            port, entry = client.getsockname()[1], balancer.address("in")[1]
            expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {port} {entry}\r\n".encode()
            if version == "v2":
                ends = bytes([127, 0, 0, 1] * 2) + port.to_bytes(2) + entry.to_bytes(2)
                expected = TWO[:14] + bytes([0, 12]) + ends
            with accepted(bad) as node:
                assert read_exactly(node, len(expected)) == expected
            client.sendall(b"hello")
            with accepted(good) as node:
                assert read_exactly(node, len(expected) + 5) == expected + b"hello"
                node.sendall(b"!")
                assert client.recv(1) == b"!"
                (session,) = balancer.sessions().sessions
    assert (session.node, session.bytes_to_node, session.attempts) == ("good", 5, 2)


@HEADERS
def test_what_was_learned_is_handed_on(header: bytes) -> None:
    """From one balancer to the next, and to the node."""
    with listening() as server, Balancer(behind(server, send_proxy_protocol="v2")) as inner:
        front = wish({"inner": inner.address("in")}, send_proxy_protocol="v1")
        front["listeners"]["in"] |= {"proxy_protocol": "required", "proxy_protocol_from": ["127.0.0.1"]}
        with Balancer(front) as outer, connected(outer) as client:
            client.sendall(header)
            with accepted(server) as node:
                assert read_exactly(node, len(TWO)) == TWO


def test_a_node_behind_a_unix_domain_socket_is_introduced_too(tmp_path: Path) -> None:
    """The header names the client's addresses, whatever kind of socket it goes through."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "node.sock"))
        server.listen()
        server.settimeout(PATIENCE)
        config = wish({"n": ("unused", 1)}, send_proxy_protocol="v1")
        config["clusters"]["c"]["nodes"]["n"]["address"] = f"unix:{tmp_path}/node.sock"
        with Balancer(config) as balancer, connected(balancer) as client, accepted(server) as node:
            (host, port), (to_host, to_port) = client.getsockname(), client.getpeername()
            expected = f"PROXY TCP4 {host} {to_host} {port} {to_port}\r\n".encode()
            assert read_exactly(node, len(expected)) == expected
