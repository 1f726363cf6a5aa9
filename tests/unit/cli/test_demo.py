"""The demo's parts, without a balancer: its nodes answer, its clients count, its picture fits the screen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.supervisor import NODE
from protobalance.cli.demo import nodes, picture
from protobalance.cli.demo.picture import Moment
from protobalance.cli.demo.theatre import configuration
from protobalance.cli.demo.traffic import Traffic, answering_node
from protobalance.cli.screen.ink import Ink, width
from protobalance.config import loads

ANSWER = b"HTTP/1.1 200 OK\r\nX-Node: a\r\nContent-Length: 3\r\n\r\nabc"


def moment(rates: Mapping[str, float], errors: int = 0) -> Moment:
    other = msgspec.structs.replace(NODE, name="b", health="up", admin_state="available", weight=1)
    return Moment([NODE, other], {"a": 0, "b": 4711}, rates, 12, errors)


def test_a_whole_answer_names_its_node() -> None:
    assert answering_node(ANSWER) == "a"


@given(st.integers(0, len(ANSWER) - 1))
def test_a_cut_answer_is_an_error(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        answering_node(ANSWER[:length])


def test_the_file_is_a_configuration() -> None:
    config = loads(configuration({"a": 8001, "b": 8002}))
    assert [node.address for node in config.clusters["web"].nodes.values()] == [
        "127.0.0.1:8001",
        "127.0.0.1:8002",
    ]


def test_the_picture_shows_who_is_killed_and_who_gets_what() -> None:
    page = "\n".join(picture.frame(moment({"b": 50.0}), Ink(coloured=False), 200))
    assert "killed" in page
    assert "4711" in page
    assert picture.BAR * "█" in page
    assert (picture.BAR + 1) * "█" not in page
    assert "12 requests, 0 errors" in page
    assert "1 error" in picture.line(moment({}, errors=1))


@given(st.integers(1, 200), st.floats(0, 1e6), st.floats(0, 1e6))
def test_bars_compare_on_every_terminal(columns: int, one: float, other: float) -> None:
    lines = picture.frame(moment({"a": one, "b": other}), Ink(coloured=False), columns)
    bars = [line.count("█") for line in lines[1:3]]
    assert (bars[0] >= bars[1]) == (one >= other) or bars[0] == bars[1]
    if columns > 100:
        assert all(width(line) <= columns for line in lines)


def test_nodes_answer_die_and_come_back_on_their_port() -> None:
    async def play() -> None:
        async with nodes.running(("a",)) as web:
            node = web["a"]
            port, first = node.port, node.pid
            traffic = Traffic(port)
            clients = asyncio.create_task(traffic.run())
            await until(lambda: traffic.answered["a"] >= 5)
            async with traffic.between_requests():
                await node.kill()
                assert not traffic.failures
            await until(lambda: bool(traffic.failures))
            await node.start()
            assert node.port == port
            assert node.pid != first
            answered = traffic.answered["a"]
            await until(lambda: traffic.answered["a"] > answered)
            clients.cancel()
            await asyncio.wait({clients})
            last = node.pid
        with pytest.raises(ProcessLookupError):
            os.kill(last, 0)

    asyncio.run(play())


def test_a_node_is_killed_only_when_no_request_is_under_way() -> None:
    async def play() -> None:
        release = asyncio.Event()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await release.wait()
            writer.write(ANSWER)
            writer.close()

        async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
            traffic = Traffic(server.sockets[0].getsockname()[1])
            clients = asyncio.create_task(traffic.run())
            await until(lambda: traffic.sent >= 1)

            async def quiet_moment() -> int:
                async with traffic.between_requests():
                    assert traffic.answered["a"] == traffic.sent
                    return traffic.sent

            quiet = asyncio.create_task(quiet_moment())
            await asyncio.sleep(0)  # it has closed the gate now
            assert not quiet.done()
            release.set()
            sent = await quiet
            await until(lambda: traffic.sent > sent)  # the gate is open again
            clients.cancel()
            await asyncio.wait({clients})

    asyncio.run(play())


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
