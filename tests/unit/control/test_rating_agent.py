"""An agent's answer is one number within bounds, or the node's fault and named as such."""

from __future__ import annotations

import asyncio

import pytest

from protobalance.control.load_ratings import NodeStats, Rated
from protobalance.control.rating_agent import MOST_BYTES, AgentRater, agent_url


def node(address: str) -> NodeStats:
    return NodeStats("a", address, 1, "available", "up", 0, 0, 0, 0, 0, 0.0, 0.0, 0.0)


def rate(scheme: str, answer: bytes, *, timeout: float = 60.0, hang: bool = False) -> Rated:
    """What comes of an agent that says `answer` and closes."""

    async def serve_and_ask() -> Rated:
        released = asyncio.Event()

        async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if scheme == "http":
                await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if hang:
                await released.wait()
            writer.close()

        server = await asyncio.start_server(agent, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            rated = await AgentRater(f"{scheme}://{{host}}:{port}/load", timeout).rate(
                {"a": node("127.0.0.1:80")}
            )
            released.set()
            return rated

    return asyncio.run(serve_and_ask())


@pytest.mark.parametrize("answer", [b"1.5\n", b"1.5", b" 1.5\r\n", b"15e-1\nmore"])
def test_one_line_over_tcp(answer: bytes) -> None:
    assert rate("tcp", answer) == Rated({"a": 1.5})


@pytest.mark.parametrize("body", [b"1.5", b'{"load": 1.5}', b'{"load": 1.5, "more": []}'])
def test_json_over_http(body: bytes) -> None:
    assert rate("http", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + body) == Rated(
        {"a": 1.5}
    )


@pytest.mark.parametrize(
    ("scheme", "answer", "message"),
    [
        ("tcp", b"", "'' is not a number"),
        ("tcp", b"up\n", "'up' is not a number"),
        ("tcp", b"nan\n", "'nan' is not a number"),
        ("tcp", b"-1\n", "'-1' is not a number"),
        ("tcp", b"\xff\n", "'\ufffd' is not a number"),
        ("tcp", b"1" * (2 * MOST_BYTES), "a line without end"),
        ("http", b"", "not an HTTP answer"),
        ("http", b"220 mail\r\n\r\n", "not an HTTP answer"),
        ("http", b"HTTP/1.1 503 Busy\r\n\r\n1", "HTTP status 503"),
        ("http", b"HTTP/1.1 200 OK\r\n\r\n{", "the body is not JSON"),
        ("http", b'HTTP/1.1 200 OK\r\n\r\n{"\xff": 1}', "the body is not JSON"),
        ("http", b"HTTP/1.1 200 OK\r\n\r\n[]", "'[]' is neither a number nor {'load': number}"),
    ],
)
def test_nonsense_is_the_nodes_and_named(scheme: str, answer: bytes, message: str) -> None:
    rated = rate(scheme, answer)
    assert (rated.ratings, rated.message) == ({}, f"a: {message}")


def test_an_agent_that_hangs_is_given_up() -> None:
    assert rate("tcp", b"", timeout=0.01, hang=True).message == "a: no answer within 0.01 s"


def test_where_the_agent_is() -> None:
    template = "tcp://{host}:9999"
    assert agent_url(template, "192.0.2.1:80") == "tcp://192.0.2.1:9999"
    assert agent_url(template, "[2001:db8::1]:80") == "tcp://[2001:db8::1]:9999"
    assert agent_url(template, "unix:/run/a") == "tcp://127.0.0.1:9999"
