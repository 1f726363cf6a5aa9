"""Connections that are not sessions yet: however many there are and however they end, they are bounded,
timed, counted like sessions, and hold up nobody.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from peers import pbload
from peers.joined import PATIENCE, accepted, listening, read_exactly, reset
from peers.process import wait_until
from peers.records import logged, records
from peers.wish import Config, wish
from protobalance import Balancer

HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
MANY = 2000


def behind(server: socket.socket, timeout: str = "60s", **settings: object) -> Config:
    """A listener that wants a header of everybody, beside one that wants none."""
    config = wish({"n": server.getsockname()[:2]})
    wants = {"proxy_protocol": "required", "proxy_protocol_from": ["127.0.0.1"], "preface_timeout": timeout}
    config["listeners"]["plain"] = {"bind": "127.0.0.1:0", "cluster": "c"}
    config["listeners"]["in"] |= wants | settings
    return config


def silent(balancer: Balancer, count: int, stack: ExitStack, said: bytes = b"PROXY ") -> list[socket.socket]:
    """So many clients that say this much and then nothing."""
    clients = []
    for _ in range(count):
        client = socket.create_connection(balancer.address("in"), timeout=PATIENCE)
        clients.append(stack.enter_context(client))
        client.sendall(said)
    wait_until(lambda: arriving(balancer) == count, f"{count} arrive")
    return clients


def arriving(balancer: Balancer) -> int:
    open_now = balancer.sessions(limit=10 * MANY).sessions
    return sum(session.phase == "arriving" for session in open_now)


def counts(balancer: Balancer) -> tuple[int, int, int]:
    """Opened, closed and active of the listener."""
    (listener,) = (each for each in balancer.status().listeners if each.name == "in")
    return listener.opened, listener.closed, listener.active


def test_thousands_that_never_finish_hold_up_nobody_and_time_out(tmp_path: Path) -> None:
    with listening() as server, pbload.nodes("echo") as echo, ExitStack() as stack:
        config = logged(behind(server, "3s"), tmp_path / "log")
        config["clusters"]["c"]["nodes"] = wish(echo)["clusters"]["c"]["nodes"]
        balancer = stack.enter_context(Balancer(config))
        silent(balancer, MANY, stack)
        assert counts(balancer) == (MANY, 0, MANY)
        assert pbload.connect(balancer.address("plain"), 1000)["errors"] == {}
        wait_until(lambda: counts(balancer) == (MANY, MANY, 0), "all of them have had their time")
        reasons = [record["reason"] for record in records(tmp_path / "log", 1000 + MANY)]
        assert reasons.count("preface-timeout") == MANY


def test_they_take_places_and_give_them_back() -> None:
    """At the limit the next one waits in the kernel's queue, and gets in when one has left."""
    with listening() as server, ExitStack() as stack:
        balancer = stack.enter_context(Balancer(behind(server, max_sessions=20)))
        clients = silent(balancer, 20, stack)
        late = stack.enter_context(socket.create_connection(balancer.address("in"), timeout=PATIENCE))
        late.sendall(HEADER + b"hello")
        assert counts(balancer) == (20, 0, 20)
        reset(clients[0])
        with accepted(server) as node:
            assert read_exactly(node, 5) == b"hello"


@pytest.mark.parametrize("end", ["close", "reset"])
def test_who_leaves_is_recorded_once(end: str, tmp_path: Path) -> None:
    with listening() as server, ExitStack() as stack:
        balancer = stack.enter_context(Balancer(logged(behind(server), tmp_path / "log")))
        for client in silent(balancer, 50, stack):
            client.close() if end == "close" else reset(client)
        reasons = {record["reason"] for record in records(tmp_path / "log", 50)}
        assert reasons == {"bad-preface" if end == "close" else "client-reset"}
        wait_until(lambda: counts(balancer) == (50, 50, 0), "all are gone")


def test_a_stop_ends_them_with_a_record_each(tmp_path: Path) -> None:
    with listening() as server, ExitStack() as stack:
        balancer = stack.enter_context(Balancer(logged(behind(server), tmp_path / "log")))
        clients = silent(balancer, 50, stack)
        balancer.stop()
        for client in clients:
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        assert [record["reason"] for record in records(tmp_path / "log", 50)] == ["stopped"] * 50


@pytest.mark.parametrize("change", ["withdrawn", "rebuilt"])
def test_a_change_meanwhile_costs_them_nothing(change: str) -> None:
    """The listener leaves, or its cluster gets another node instead of the one it had."""
    with listening() as server, listening() as other, ExitStack() as stack:
        config = behind(server)
        balancer = stack.enter_context(Balancer(config))
        (client,) = silent(balancer, 1, stack, HEADER[:20])
        if change == "withdrawn":
            del config["listeners"]["in"]
        config["clusters"]["c"]["nodes"] = {"m": {"address": "{}:{}".format(*other.getsockname())}}
        balancer.apply(config)
        client.sendall(HEADER[20:] + b"hello")
        with accepted(other) as node:
            assert read_exactly(node, 5) == b"hello"


def test_limits_per_client_are_for_the_client_that_the_header_names(tmp_path: Path) -> None:
    with listening() as server, ExitStack() as stack:
        config = logged(behind(server, max_sessions_per_client=1), tmp_path / "log")
        balancer = stack.enter_context(Balancer(config))
        for header in (HEADER, HEADER.replace(b"192.0.2.1", b"192.0.2.2"), HEADER):
            client = stack.enter_context(socket.create_connection(balancer.address("in"), timeout=PATIENCE))
            client.sendall(header)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        (record,) = records(tmp_path / "log", 1)
        assert (record["reason"], record["client"]) == ("client-limit", "192.0.2.1:56324")
        assert {session.client.partition(":")[0] for session in balancer.sessions().sessions} == {
            "192.0.2.1",
            "192.0.2.2",
        }
        assert balancer.explain("192.0.2.2").recorded
        with suppress(OSError):
            client.close()
