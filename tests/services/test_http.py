"""nginx behind the balancer, seen by the clients people use: identical bytes, no errors."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from peers.nginx import LARGE, Nginx
from peers.process import Address, text_of
from peers.wish import wish
from protobalance import Balancer


@pytest.fixture
def web(nginx: Nginx) -> Iterator[Address]:
    with Balancer(wish(nginx.nodes)) as balancer:
        yield balancer.address("in")


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


def test_curl_spreads_over_the_nodes_and_loads_50_mb_unchanged(web: Address, nginx: Nginx) -> None:
    """Law 1; round robin by turns."""
    nodes = Counter[str]()
    for _ in range(6):
        command = ["curl", "-sS", "--fail", "-D", "/dev/stderr", f"http://{text_of(web)}/large"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
        assert len(done.stdout) == LARGE
        assert hashlib.sha256(done.stdout).hexdigest() == nginx.large_sha256
        nodes.update(re.findall(r"X-Node: (\w+)", done.stderr.decode()))
    assert nodes == {"n0": 2, "n1": 2, "n2": 2}


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
