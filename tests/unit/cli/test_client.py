"""The client asks again where that helps, with the same transaction; elsewhere it says what to do."""

from __future__ import annotations

import http.server
import itertools
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from fakes.admin import Rig
from fakes.supervisor import STATUS
from protobalance.api.operations import sessions, set_node, status
from protobalance.cli.client import PAUSES, Client
from protobalance.cli.failure import CommandFailed
from protobalance.control.answers import NodeChange

DRAIN = set_node.SetNodeOrder(cluster="web", node="a", admin_state="draining")


class Flaky(NamedTuple):
    """A server that hangs up on the first `failures` requests, and the bodies it saw."""

    path: Path
    bodies: list[bytes]


def flaky(path: Path, failures: int) -> Iterator[Flaky]:
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            if len(bodies) <= failures:
                return  # hangs up without a word
            body = msgspec.json.encode(NodeChange(4, "web", "a", "draining", "available", 1, 1, [], []))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
            pass

        def address_string(self) -> str:
            return "client"

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Flaky(path, bodies)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def twice_flaky(tmp_path: Path) -> Iterator[Flaky]:
    yield from flaky(tmp_path / "admin.sock", 2)


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[Flaky]:
    yield from flaky(tmp_path / "admin.sock", 1000)


def test_a_question_and_its_answer(rig: Rig) -> None:
    assert Client(rig.path).ask(status.OPERATION, status.StatusQuestion()) == STATUS


def test_a_question_carries_its_values(rig: Rig) -> None:
    Client(rig.path).ask(sessions.OPERATION, sessions.SessionsQuestion(node="w b/ä&=", client="::1", limit=3))
    assert rig.supervisor.calls == [("sessions", "", "w b/ä&=", "::1", 3)]


def test_a_lost_answer_is_asked_for_again_with_the_same_transaction(twice_flaky: Flaky) -> None:
    paused: list[float] = []
    answer = Client(twice_flaky.path, pause=paused.append).ask(set_node.OPERATION, DRAIN)
    assert answer.admin_state == "draining"
    assert paused == list(PAUSES[:2])
    assert len(twice_flaky.bodies) == 3
    assert len(set(twice_flaky.bodies)) == 1
    assert msgspec.json.decode(twice_flaky.bodies[0])["transaction"]


def test_two_changes_have_two_transactions(rig: Rig) -> None:
    client = Client(rig.path)
    first, second = client.ask(set_node.OPERATION, DRAIN), client.ask(set_node.OPERATION, DRAIN)
    assert first.transaction != second.transaction
    assert rig.supervisor.changes == 2


def test_it_gives_up_at_the_end_of_the_schedule(dead: Flaky) -> None:
    paused: list[float] = []
    with pytest.raises(CommandFailed, match="did not answer") as failed:
        Client(dead.path, pause=paused.append).ask(set_node.OPERATION, DRAIN)
    assert paused == list(PAUSES)
    assert all(later == 2 * earlier for earlier, later in itertools.pairwise(paused))
    assert "protobalance history" in str(failed.value)


def test_where_nobody_listens_it_says_so_at_once(tmp_path: Path) -> None:
    paused: list[float] = []
    client = Client(tmp_path / "admin.sock", pause=paused.append)
    with pytest.raises(CommandFailed, match="no balancer is running at") as failed:
        client.ask(status.OPERATION, status.StatusQuestion())
    assert str(tmp_path / "admin.sock") in str(failed.value)
    assert "protobalance run" in str(failed.value)
    assert paused == []


def test_a_file_that_is_no_socket_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandFailed, match="this is no socket"):
        Client(tmp_path / "file").ask(status.OPERATION, status.StatusQuestion())


def test_a_refusal_comes_as_its_sentence(rig: Rig) -> None:
    order = set_node.SetNodeOrder(cluster="web", node="zz", clear=True)
    with pytest.raises(CommandFailed, match="no node 'web/zz'"):
        Client(rig.path).ask(set_node.OPERATION, order)
    assert len(rig.supervisor.calls) == 1  # a refusal is an answer, not a reason to ask again
