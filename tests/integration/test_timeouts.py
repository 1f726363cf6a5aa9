"""Law 12: each limit of time ends the sessions or attempts that it is about, and no others."""

from __future__ import annotations

import select
import socket
from pathlib import Path

import pytest

from peers import pbload
from peers.joined import PATIENCE, accepted, exchange, listening, session
from peers.records import logged, records
from peers.wish import Config, wish
from protobalance import Balancer

SHORT = "300ms"  # long enough for a busy machine to say a first byte in
# The others must not be what ends it.
LONG = {"idle_timeout": "1h", "first_byte_timeout": "1h", "half_close_timeout": "1h"}


def _limited(server: socket.socket, log: Path, **limits: str) -> Config:
    config = wish({"n": server.getsockname()[:2]})
    config["listeners"]["in"] |= LONG | limits
    return logged(config, log)


def _reasons(log: Path, count: int) -> list[str]:
    return [record["reason"] for record in records(log, count)]


def test_a_session_on_which_nobody_speaks_any_more_is_ended(tmp_path: Path) -> None:
    """`idle_timeout`; both ends see a clean end."""
    log = tmp_path / "log"
    with (
        listening() as server,
        Balancer(_limited(server, log, idle_timeout=SHORT)) as balancer,
        session(balancer.address("in"), server) as ends,
    ):
        assert [end.recv(1) for end in ends] == [b"", b""]
        assert _reasons(log, 1) == ["idle-timeout"]


def test_a_session_on_which_somebody_speaks_is_not_idle(tmp_path: Path) -> None:
    """It outlives one that was opened later and says nothing."""
    log = tmp_path / "log"
    with (
        listening() as server,
        Balancer(_limited(server, log, idle_timeout="2s")) as balancer,
        session(balancer.address("in"), server) as (client, node),
        session(balancer.address("in"), server) as (silent, _),
    ):
        while not select.select([silent], [], [], 0.05)[0]:
            exchange(client, node)
        exchange(client, node)
        assert _reasons(log, 1) == ["idle-timeout"]


def test_a_session_on_which_nobody_has_spoken_yet_is_ended(tmp_path: Path) -> None:
    """`first_byte_timeout`; one that has begun is not its affair."""
    log = tmp_path / "log"
    with (
        listening() as server,
        Balancer(_limited(server, log, first_byte_timeout=SHORT)) as balancer,
        session(balancer.address("in"), server) as (client, node),
        socket.create_connection(balancer.address("in"), timeout=PATIENCE) as silent,
        accepted(server) as listener,
    ):
        assert [end.recv(1) for end in (silent, listener)] == [b"", b""]
        exchange(client, node)
        assert _reasons(log, 1) == ["first-byte-timeout"]


@pytest.mark.parametrize("first", ["client", "node"])
def test_a_session_half_closed_and_silent_is_ended(tmp_path: Path, first: str) -> None:
    """`half_close_timeout`; while both directions are open, it counts for nothing."""
    log = tmp_path / "log"
    with (
        listening() as server,
        Balancer(_limited(server, log, half_close_timeout=SHORT)) as balancer,
        session(balancer.address("in"), server) as (client, node),
        session(balancer.address("in"), server) as ends,
    ):
        leaving, staying = ends if first == "client" else reversed(ends)
        leaving.shutdown(socket.SHUT_WR)
        assert [end.recv(1) for end in (staying, leaving)] == [b"", b""]
        assert _reasons(log, 1) == ["half-close-timeout"]
        exchange(client, node)


def test_an_attempt_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """`connect_timeout`, however long all attempts together may take (law 2)."""
    with pbload.nodes("blackhole", name="bad") as bad, pbload.nodes("greet", name="good") as good:
        config = wish(bad | good, connect_timeout=SHORT, failover_timeout="1h")
        with Balancer(logged(config, tmp_path / "log")) as balancer:
            with socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client:
                assert client.recv(5) == b"good\n"
            (record,) = records(tmp_path / "log", 1)
    assert [attempt["failure"] for attempt in record["attempts"]] == ["timed-out", ""]


def test_all_attempts_together_take_no_longer_than_they_may(tmp_path: Path) -> None:
    """`failover_timeout`, however long one attempt may take (law 2)."""
    with pbload.nodes("blackhole", 2) as nodes:
        config = wish(nodes, connect_timeout="1h", failover_timeout=SHORT)
        with Balancer(logged(config, tmp_path / "log")) as balancer:
            with (
                socket.create_connection(balancer.address("in"), timeout=PATIENCE) as client,
                pytest.raises(ConnectionResetError),
            ):
                client.recv(1)
            assert _reasons(tmp_path / "log", 1) == ["failover-timeout"]
            assert balancer.status().listeners[0].unserved == 1
