"""Every session ends with exactly one record (law 13)."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peers import pbload
from peers.joined import listening, read_exactly, reset, session
from peers.process import text_of, wait_until
from peers.records import logged, records
from peers.wish import Config, wish
from protobalance import Balancer


@pytest.mark.parametrize("workers", [1, 2])
def test_one_record_for_each_session_and_counts_that_add_up(tmp_path: Path, workers: int) -> None:
    """Law 13: opened - closed = active, always; bytes as the client and node counted them."""
    log = tmp_path / "sessions.json"
    with pbload.nodes("echo", 2, name="n", close_after=100) as nodes, pbload.nodes("refuse") as bad:
        config = logged(wish(nodes | bad), log)
        config["engine"] = {"workers": workers}
        with Balancer(config) as balancer:
            result = pbload.connect(balancer.address("in"), 3000, bytes=100, ending="node")
            assert result["errors"] == {}
            wait_until(lambda: balancer.status().active == 0, "all sessions have ended")
            status = balancer.status()
            assert (status.opened, status.closed, status.active) == (3000, 3000, 0)
            records(log, 3000)
            assert status.session_log.dropped == 0
    written = records(log, 3000)
    assert len(written) == 3000
    per_node = {name: sum(record["node"] == name for record in written) for name in nodes}
    assert per_node == result["nodes"]
    assert {record["listener"] for record in written} == {"in"}
    assert {record["bytes_to_node"] for record in written} == {100}
    assert {record["bytes_to_client"] for record in written} == {100 + len("n0\n")}


def test_the_session_that_nobody_could_serve_has_its_record_too(tmp_path: Path) -> None:
    """Law 13: with all attempts and their reasons."""
    log = tmp_path / "sessions.json"
    with (
        pbload.nodes("refuse", 2, name="n") as bad,
        Balancer(logged(wish(bad), log)) as balancer,
    ):
        assert pbload.connect(balancer.address("in"), 1)["ok"] == 0
        (record,) = records(log, 1)
    assert [attempt["failure"] for attempt in record["attempts"]] == ["refused", "refused"]


@pytest.mark.parametrize("first", ["client", "node"])
@pytest.mark.parametrize("manner", ["closed", "reset"])
def test_a_record_says_who_ended_the_session_and_how(tmp_path: Path, first: str, manner: str) -> None:
    """The side that ended first, if both ended."""
    with listening() as server:
        config = logged(wish({"n": server.getsockname()[:2]}), tmp_path / "log")
        with Balancer(config) as balancer, session(balancer.address("in"), server) as ends:
            leaving, staying = ends if first == "client" else reversed(ends)
            if manner == "reset":
                reset(leaving)
            else:
                leaving.close()
                assert staying.recv(1) == b""
                staying.close()
            (record,) = records(tmp_path / "log", 1)
    assert record["reason"] == f"{first}-{manner}"


def _one_session(server: socket.socket, config: Config) -> tuple[str, timedelta]:
    """A session through which three bytes went to the node and one to the client: the client's address, and
    how long it was open at most.
    """
    begin = datetime.now(UTC)
    with Balancer(config) as balancer:
        with session(balancer.address("in"), server) as (client, node):
            client.sendall(b"??")
            assert read_exactly(node, 2) == b"??"
            source = text_of(client.getsockname())
            client.shutdown(socket.SHUT_WR)
            assert node.recv(1) == b""
        wait_until(lambda: balancer.status().session_log.written == 1, "its record is written")
    return source, datetime.now(UTC) - begin


def test_a_record_says_all_that_is_known(tmp_path: Path) -> None:
    """Law 13: client, listener, cluster, node, attempts with reasons, bytes each way, times, close reason."""
    with listening() as server, pbload.nodes("refuse", name="bad") as bad:
        config = logged(wish(bad | {"n": server.getsockname()[:2]}), tmp_path / "log")
        source, longest = _one_session(server, config)
    (record,) = records(tmp_path / "log", 1)
    age = datetime.now(UTC) - datetime.fromisoformat(record.pop("time"))
    assert timedelta() <= age
    assert timedelta() < timedelta(milliseconds=record.pop("duration_ms")) <= longest
    afters = [attempt.pop("after_ms") for attempt in record["attempts"]]
    assert afters == sorted(afters)
    assert record == {
        "client": source,
        "via": None,
        "server_name": None,
        "listener": "in",
        "cluster": "c",
        "node": "n",
        "attempts": [
            {"node": "bad", "why": "policy", "failure": "refused"},
            {"node": "n", "why": "next", "failure": ""},
        ],
        "bytes_to_node": 3,
        "bytes_to_client": 1,
        "reason": "client-closed",
        "detail": "",
    }


def test_a_record_as_text_says_the_same(tmp_path: Path) -> None:
    """`format = "text"`."""
    log = tmp_path / "log"
    with listening() as server, pbload.nodes("refuse", name="bad") as bad:
        config = wish(bad | {"n": server.getsockname()[:2]})
        config["log"] = {"sessions": str(log), "format": "text"}
        source, _ = _one_session(server, config)
    expected = (
        rf"\S+Z in {re.escape(source)} -> c/n next \d+\.\d{{3}}s to_node=3 to_client=1 client-closed"
        r" failed=bad:refused@\d+ms\n"
    )
    assert re.fullmatch(expected, log.read_text())


def test_bytes_that_were_never_delivered_are_not_counted_as_such(tmp_path: Path) -> None:
    """Law 13; and with the session goes what was held for it (law 8)."""
    with listening() as server:
        config = logged(wish({"n": server.getsockname()[:2]}), tmp_path / "log")
        config["engine"] = {"workers": 1}
        with Balancer(config) as balancer, session(balancer.address("in"), server) as (client, node):
            engine = balancer.supervisor.running.engine
            node.settimeout(0.3)
            with suppress(TimeoutError):
                while True:
                    node.send(bytes(1 << 20))
            wait_until(lambda: engine.snapshot().workers[0].buffered_bytes > 0, "bytes are held")
            (stuck,) = balancer.sessions().sessions
            reset(client)
            (record,) = records(tmp_path / "log", 1)
            assert record["bytes_to_client"] == stuck.bytes_to_client
            wait_until(lambda: engine.snapshot().workers[0].buffered_bytes == 0, "nothing is held")


def test_a_full_disk_is_told_and_costs_records_only(tmp_path: Path) -> None:
    """Traffic goes on; what is lost is counted; and it is over when a record can be written again."""
    with pbload.nodes("echo") as nodes, Balancer(logged(wish(nodes), Path("/dev/full"))) as balancer:
        assert pbload.connect(balancer.address("in"), 20)["errors"] == {}
        wait_until(lambda: balancer.status().session_log.dropped == 20, "the lost records are counted")
        wait_until(
            lambda: [limit.limit for limit in balancer.status().limits] == ["session-log"], "it is told"
        )
        balancer.apply(logged(wish(nodes), tmp_path / "log"))
        assert pbload.connect(balancer.address("in"), 20)["errors"] == {}
        assert len(records(tmp_path / "log", 20)) == 20
        wait_until(lambda: balancer.status().limits == [], "it is over")
