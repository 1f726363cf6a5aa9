"""What a client of the admin socket may do to HTTP, and what becomes of it."""

from __future__ import annotations

import asyncio
import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes.admin import PATIENCE, Rig, serving
from fakes.supervisor import FakeSupervisor
from protobalance.api import connection, server
from protobalance.api.connection import Connection
from protobalance.api.errors import ErrorAnswer
from protobalance.api.exchange import Answer

STATUS = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
CHECK = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@contextmanager
def talk(rig: Rig) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(rig.path))
        yield client


def all_of(client: socket.socket) -> bytes:
    """What comes until the other side ends."""
    heard = bytearray()
    while piece := client.recv(65536):
        heard += piece
    return bytes(heard)


def answer_of(client: socket.socket) -> bytes:
    """The next one, whole."""
    with client.makefile("rb") as heard:
        head = b"".join(iter(heard.readline, b"\r\n"))
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        return head + b"\r\n" + heard.read(int(length[1]))


def said(rig: Rig, data: bytes) -> bytes:
    """What a client hears who says this, and no more."""
    with talk(rig) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return all_of(client)


def held(
    monkeypatch: pytest.MonkeyPatch, rig: Rig, operation: str, until: threading.Event
) -> threading.Event:
    """The supervisor does not answer `until` that is set. What is set once it has been asked."""
    answer = getattr(rig.supervisor, operation)
    asked = threading.Event()

    def slow(*values: Any) -> object:
        asked.set()
        assert until.wait(PATIENCE)
        return answer(*values)

    monkeypatch.setattr(rig.supervisor, operation, slow)
    return asked


def refusal(heard: bytes) -> ErrorAnswer:
    return msgspec.json.decode(heard.partition(b"\r\n\r\n")[2], type=ErrorAnswer)


def test_requests_sent_at_once_are_answered_in_their_order(rig: Rig) -> None:
    heard = said(rig, STATUS + STATUS.replace(b"status", b"nothing") + STATUS)
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200", b"404", b"200"]


def test_a_client_that_wants_one_answer_gets_one(rig: Rig) -> None:
    heard = said(rig, STATUS.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + STATUS)
    assert heard.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /v1/status HTTP/1.1\r\n\r\n", 400),  # no Host (RFC 9112, 3.2)
        (CHECK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (CHECK + b"Content-Length: 1000\r\n\r\n{}", 400),  # and no more
        (CHECK + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /v1/status HTTP/1.1\r\nX: " + b"x" * 100_000, 431),
    ],
)
def test_what_is_no_request_is_refused_and_is_the_last(rig: Rig, data: bytes, status: int) -> None:
    heard = said(rig, data + STATUS)
    assert heard.startswith(b"HTTP/1.1 %d" % status)
    assert b"connection: close" in heard
    assert heard.count(b"HTTP/1.1") == 1
    assert refusal(heard).error == "malformed"
    assert refusal(heard).hint


def test_who_asks_before_sending_a_body_is_told_to_go_on(rig: Rig) -> None:
    with talk(rig) as client:
        client.sendall(CHECK + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"{}")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_who_asks_before_sending_too_much_is_told_not_to(rig: Rig) -> None:
    asking = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (connection.BODY_LIMIT + 1)
    heard = said(rig, CHECK + asking)
    assert heard.startswith(b"HTTP/1.1 413")
    assert refusal(heard).error == "too-large"


def test_what_grows_too_large_piece_by_piece_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_LIMIT", 5)
    heard = said(rig, CHECK + b"Transfer-Encoding: chunked\r\n\r\n" + 2 * b"3\r\n{  \r\n")
    assert heard.startswith(b"HTTP/1.1 413")


def test_a_head_has_the_length_and_no_body(rig: Rig) -> None:
    whole = said(rig, STATUS)
    head = whole[: whole.index(b"{")]
    assert said(rig, STATUS.replace(b"GET", b"HEAD") + STATUS) == head + whole


def test_a_head_that_breaks_off_is_refused_without_a_body(rig: Rig) -> None:
    head = STATUS.replace(b"GET", b"HEAD")
    heard = said(rig, head.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n"))
    assert heard.startswith(b"HTTP/1.1 400")
    assert heard.endswith(b"\r\n\r\n")


def test_a_wrong_method_is_told_the_right_one(rig: Rig) -> None:
    assert b"\r\nallow: GET\r\n" in said(rig, STATUS.replace(b"GET", b"DELETE"))


def test_too_many_connections_take_the_place_of_those_that_say_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 2)
    with talk(rig) as quiet, talk(rig) as busy:
        busy.sendall(STATUS)
        first = answer_of(busy)
        assert said(rig, STATUS) == first
        assert quiet.recv(1) == b""
        busy.sendall(STATUS)
        assert answer_of(busy) == first


def test_who_is_let_go_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_UNIX) as idle:
        with serving(tmp_path / "admin.sock") as rig:
            idle.connect(str(rig.path))
            assert said(rig, STATUS).startswith(b"HTTP/1.1 200")
        assert idle.recv(1) == b""
    assert caplog.records == []


def test_who_waits_for_an_answer_keeps_his_place(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    asked = held(monkeypatch, rig, "status", told)
    monkeypatch.setattr(server, "CONNECTIONS", 1)
    with talk(rig) as waiting:
        waiting.sendall(STATUS)
        assert asked.wait(PATIENCE)
        with talk(rig) as late:
            assert late.recv(1) == b""
        told.set()
        assert waiting.recv(100).startswith(b"HTTP/1.1 200")


def test_changes_that_wait_for_each_other_keep_no_question_waiting(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    held(monkeypatch, rig, "redirect", told)
    body = b'{"listener": "web", "cluster": "web"}'
    change = CHECK.replace(b"check", b"redirect") + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with ExitStack() as stack:
        waiting = [stack.enter_context(talk(rig)) for _ in range(2 * server.AT_ONCE)]
        for client in waiting:
            client.sendall(change)
        assert rig.request("GET", "/v1/status").status == 200
        told.set()
        for client in waiting:
            assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_who_says_too_much_hears_so_while_still_speaking(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_LIMIT", 1000)
    body = b"#" * 4_000_000  # more than a socket holds
    heard = said(rig, CHECK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    assert heard.startswith(b"HTTP/1.1 413")
    assert refusal(heard).error == "too-large"


def test_a_request_that_does_not_come_is_not_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_WITHIN", 0)
    with talk(rig) as client:
        assert all_of(client) == b""


def test_an_answer_that_nobody_reads_is_not_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_WITHIN", 0)
    question = STATUS.replace(b"status", b"openapi.json")
    with talk(rig) as client:
        client.sendall(question * 200)  # more answers than a socket holds
        let_go = select.poll()
        let_go.register(client, 0)  # for POLLHUP alone
        assert let_go.poll(1000 * PATIENCE)


def test_an_end_that_comes_behind_an_answers_head_is_the_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = Connection._say

    async def ended(self: Connection, answer: Answer) -> None:
        await say(self, answer)
        self.end()

    monkeypatch.setattr(Connection, "_say", ended)
    assert said(rig, STATUS + STATUS).count(b"HTTP/1.1 200") == 1


def test_at_the_end_who_waits_is_answered_and_who_does_not_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = threading.Event()
    end = Connection.end

    def noted(self: Connection) -> None:
        end(self)
        ending.set()

    monkeypatch.setattr(Connection, "end", noted)
    monkeypatch.setattr(server, "LAST_ANSWERS", 3600)
    with socket.socket(socket.AF_UNIX) as idle, socket.socket(socket.AF_UNIX) as waiting:
        with serving(tmp_path / "admin.sock") as rig:
            asked = held(monkeypatch, rig, "status", ending)
            for client in (idle, waiting):
                client.settimeout(PATIENCE)
                client.connect(str(rig.path))
            waiting.sendall(STATUS + STATUS)
            assert asked.wait(PATIENCE)
        assert all_of(idle) == b""
        heard = all_of(waiting)
    assert heard.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in heard


@pytest.mark.parametrize("turns", range(8))
def test_who_comes_amid_the_end_is_answered_or_let_go(tmp_path: Path, turns: int) -> None:
    """In whatever turn of the event loop: it is answered or let go, never forgotten or told of a fault."""

    async def end_amid(client: socket.socket) -> None:
        async with server.serve(FakeSupervisor().as_supervisor(), tmp_path / "admin.sock"):
            client.connect(str(tmp_path / "admin.sock"))
            client.sendall(STATUS)
            for _ in range(turns):
                await asyncio.sleep(0)
        for _ in range(8):
            await asyncio.sleep(0)

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        asyncio.run(end_amid(client))
        with suppress(ConnectionResetError):
            heard = all_of(client)
            assert not heard or heard.startswith(b"HTTP/1.1 200")
