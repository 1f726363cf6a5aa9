"""The programs that pages and examples show do what is said of them."""

from __future__ import annotations

import http.server
import json
import runpy
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from peers.process import wait_until
from protobalance import Balancer, NodeStats
from unit.docs.conftest import serving
from unit.docs.pages import ROOT, blocks, text_of

EXAMPLES = ROOT / "examples"
EMBEDDING = blocks(text_of("docs/embedding.md"), "python")
LIMIT = 15.0  # seconds; only a failing test waits so long


def _run(program: str, nodes: list[str]) -> dict[str, Any]:
    """Executes it with the nodes that are really there; what it defined."""
    for shown, real in zip(("127.0.0.1:8001", "127.0.0.1:8002"), nodes, strict=True):
        program = program.replace(shown, real)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(program, "page", "exec"), names)  # noqa: S102 - the page's own words
    return names


def test_the_readme_program(nodes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks(text_of("README.md"), "python")
    _run(program, nodes)
    greeting, sentence = capsys.readouterr().out.split("\n", 1)
    assert greeting == "hello"
    assert " went to node a: its turn by weight" in sentence


def test_the_embedding_program(nodes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _run(EMBEDDING[0], nodes)
    assert "127.0.0.1 would go to node b: its turn by weight (a draining)" in capsys.readouterr().out


def test_the_embedded_test(nodes: list[str], balancer: Callable[..., Balancer]) -> None:
    _run(EMBEDDING[1], nodes)["test_a_dead_node_is_not_noticed"](balancer)


def test_the_rating_function_of_the_page() -> None:
    (program,) = blocks(text_of("docs/load-ratings.md"), "python")
    rate = _run(program, ["", ""])["by_size"]
    assert rate({"big1": _stats("big1", active=8), "small": _stats("small", active=3)}) == {
        "big1": 2,
        "small": 3,
    }


def test_embedding_lists_every_method() -> None:
    public = {name for name in vars(Balancer) if not name.startswith("_")} - {"supervisor"}
    page = text_of("docs/embedding.md")
    assert [name for name in sorted(public) if f"| `{name}" not in page] == []


class _Prometheus(http.server.BaseHTTPRequestHandler):
    """Answers the one query of the example."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        assert url.path == "/api/v1/query"
        assert "node_cpu_seconds_total" in parse_qs(url.query)["query"][0]
        sample = {"metric": {"instance": "127.0.0.1:9100"}, "value": [0, "0.25"]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": {"result": [sample]}}).encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's word
        """Not among the test's output."""


def test_the_prometheus_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the configuration names it: found by its folder, published to the engine."""
    monkeypatch.syspath_prepend(EXAMPLES)
    with serving(_Prometheus) as prometheus:
        monkeypatch.setenv("PROMETHEUS", f"http://{prometheus}")
        with Balancer(_moved("minimum-load-python.toml", {"ratings": "ratings"})) as running:
            assert _ratings(running, 3) == {"a": 0.25, "b": 0.25, "c": 0.25}
    sys.modules.pop("ratings")


def test_the_agent_example() -> None:
    agent = runpy.run_path(str(EXAMPLES / "load_agent.py"))
    with agent["Agent"](("127.0.0.1", 0), agent["Answer"]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        port = server.server_address[1]
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as client:
            assert float(client.makefile().readline()) >= 0
        with Balancer(_moved("minimum-load-agent.toml", {"9999": str(port)})) as running:
            assert min(_ratings(running, 2).values()) >= 0
        server.shutdown()
        thread.join()


def _moved(example: str, replaced: dict[str, str]) -> str:
    """The example on this machine: nodes here, any port."""
    text = (EXAMPLES / example).read_text()
    for number in (1, 2, 3):
        text = text.replace(f"10.0.0.{number}:8080", f"127.0.0.1:{8000 + number}")
    for old, new in {'bind = ":8080"': 'bind = "127.0.0.1:0"', **replaced}.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _ratings(running: Balancer, count: int) -> dict[str, float]:
    """The load ratings once `count` nodes have one."""
    rated: dict[str, float] = {}

    def all_are_rated() -> bool:
        (cluster,) = running.status().clusters
        rated.update((node.name, node.load_rating) for node in cluster.nodes if node.load_rating is not None)
        return len(rated) == count

    wait_until(all_are_rated, f"{count} nodes are rated")
    return rated


def _stats(name: str, **known: int) -> NodeStats:
    defaults: dict[str, Any] = dict.fromkeys(NodeStats.__struct_fields__, 0)
    return NodeStats(**{**defaults, "name": name, **known})


def test_every_example_is_told_of() -> None:
    """In some page, or by another example."""
    told = "".join(path.read_text() for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
    told += "".join(path.read_text() for path in EXAMPLES.iterdir() if path.is_file())
    listed = {path.name for path in EXAMPLES.iterdir() if path.is_file() and path.suffix != ".toml"}
    assert {name for name in listed if name not in told} == set()
    assert all(_first_line(path).startswith("#") for path in EXAMPLES.glob("*.toml"))


def _first_line(path: Path) -> str:
    return path.read_text().partition("\n")[0]
