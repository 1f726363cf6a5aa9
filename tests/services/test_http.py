"""nginx and a WebSocket server behind the balancer, seen by the clients people use. docs/services/http.md"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peers.example import example
from peers.nginx import LARGE, Nginx
from peers.nginx import nginx as run_nginx
from peers.process import Address, accepts, text_of, wait_until
from peers.websocket import echoing, websocket
from peers.wish import wish
from protobalance import Balancer


@pytest.fixture(scope="module")
def balancer(nginx: Nginx) -> Iterator[Balancer]:
    nodes = {f"http/{name}": address for name, address in nginx.nodes.items()}
    nodes |= {f"https/{name}": address for name, address in nginx.secure.items()}
    with Balancer(example("http", nodes)) as running:
        yield running


@pytest.fixture
def web(balancer: Balancer) -> Address:
    return balancer.address("http")


def _node(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
        return str(answer.headers["X-Node"])


def _kill(server: Nginx) -> None:
    """Returns when the last of its processes is gone: until then the kernel takes connections for it."""
    os.killpg(server.peer.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(accepts, server.nodes.values())), "nobody listens any more")


def test_one_connection_stays_with_one_node_for_all_its_requests(web: Address, nginx: Nginx) -> None:
    """Law 1, contents are never changed: HTTP/1.1 keep-alive."""
    connection = http.client.HTTPConnection(*web, timeout=10)
    seen = set()
    for _ in range(200):
        connection.request("GET", "/small")
        answer = connection.getresponse()
        seen.add(answer.headers["X-Node"])
        assert answer.read() == nginx.small
    connection.close()
    assert len(seen) == 1


def test_chunked_answers_arrive_whole(web: Address, nginx: Nginx) -> None:
    """Law 1."""
    connection = http.client.HTTPConnection(*web, timeout=10)
    for _ in range(20):
        connection.request("GET", "/chunked")
        answer = connection.getresponse()
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert answer.read() == nginx.small
    connection.close()


def test_curl_loads_50_mb_unchanged(web: Address, nginx: Nginx) -> None:
    """Law 1."""
    for _ in range(3):
        command = ["curl", "-sS", "--fail", f"http://{text_of(web)}/large"]
        body = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        assert hashlib.sha256(body).hexdigest() == nginx.large_sha256


@pytest.mark.parametrize("chunked", [True, False])
def test_curl_sends_50_mb_unchanged(web: Address, nginx: Nginx, *, chunked: bool) -> None:
    """Law 1, the other way; with `Expect: 100-continue`, which curl asks for before it sends so much."""
    url = f"http://{text_of(web)}/kept/{chunked}"
    header = ["-H", "Transfer-Encoding: chunked"] if chunked else []
    command = ["curl", "-sS", "--fail", "-T", str(nginx.peer.folder / "www" / "large"), *header, url]
    subprocess.run(command, check=True, timeout=60)
    kept = nginx.kept / str(chunked)
    assert kept.stat().st_size == LARGE
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == nginx.large_sha256


def test_pipelined_requests_are_answered_in_order(web: Address, nginx: Nginx) -> None:
    """Law 1, and data written before a close always arrives (law 7)."""
    with socket.create_connection(web, timeout=10) as client:
        request = b"GET /small HTTP/1.1\r\nHost: h\r\n"
        client.sendall((request + b"\r\n") * 99 + request + b"Connection: close\r\n\r\n")
        answers = b"".join(iter(lambda: client.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 100
    assert answers.count(nginx.small) == 100


@pytest.mark.parametrize("keep_alive", [[], ["-k"]], ids=["close", "keep-alive"])
def test_ab_sees_no_error(web: Address, keep_alive: list[str]) -> None:
    """20,000 requests by 50 clients, each on its own connection and not."""
    command = ["ab", "-q", "-n", "20000", "-c", "50", *keep_alive, f"http://{text_of(web)}/small"]
    report = subprocess.run(command, capture_output=True, check=True, text=True, timeout=100).stdout
    assert re.search(r"Complete requests:\s+20000\n", report), report
    assert re.search(r"Failed requests:\s+0\n", report), report
    assert "Non-2xx" not in report


@pytest.mark.parametrize("listener", ["http", "https"], ids=["http/1.1", "http/2"])
def test_h2load_sees_no_error_while_nodes_drain_in_turn(balancer: Balancer, listener: str) -> None:
    """Law 5. Over TLS the protocol is agreed upon by ALPN, which passes through like all else."""
    url = f"{listener}://{text_of(balancer.address(listener))}/small"
    options = ["--h1"] if listener == "http" else []
    command = ["h2load", "-n", "20000", "-c", "40", "-m", "8" if listener == "https" else "1", *options, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdout
        turns = 0
        while load.poll() is None:
            node = f"{listener}/{'abc'[turns % 3]}"
            balancer.set_node(node, "draining")
            balancer.set_node(node, clear=True)
            turns += 1
        report = load.stdout.read()
    assert turns > 1
    assert ("Application protocol: h2" in report) == (listener == "https"), report
    assert "20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout" in report, report


def test_a_node_killed_between_requests_is_not_noticed() -> None:
    """Law 3, for clients that open a connection for each request."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(run_nginx([name])) for name in "abc"}
        nodes = {f"http/{name}": server.nodes[name] for name, server in servers.items()}
        nodes |= {f"https/{name}": server.secure[name] for name, server in servers.items()}
        with Balancer(example("http", nodes)) as one:
            url = f"http://{text_of(one.address('http'))}/small"
            assert {_node(url) for _ in range(30)} == {"a", "b", "c"}
            _kill(servers["b"])
            assert {_node(url) for _ in range(30)} == {"a", "c"}
            _kill(servers["a"])
            assert {_node(url) for _ in range(30)} == {"c"}


def test_a_websocket_outlives_the_draining_of_its_node() -> None:
    """After `101 Switching Protocols` either side speaks when it likes; a session is a session (law 5)."""
    with ExitStack() as stack:
        nodes = {name: stack.enter_context(echoing(name)) for name in "ab"}
        balancer = stack.enter_context(Balancer(wish(nodes)))
        clients = [stack.enter_context(websocket(balancer.address("in"))) for _ in range(6)]
        assert [client.recv() for client in clients] == ["a", "b"] * 3
        balancer.set_node("c/a", "draining")
        for client in clients:
            client.send(b"?" * 70_000)
        assert {client.recv() for client in clients} == {b"?" * 70_000}
        assert stack.enter_context(websocket(balancer.address("in"))).recv() == "b"
