"""Two nodes, since pages speak of two."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's word
        """Not among the test's output."""


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """A web server on a free port; its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs of the pages ask this machine itself, whatever the surroundings prefer."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def nodes() -> Iterator[list[str]]:
    """The addresses of two web servers."""
    with ExitStack() as running:
        yield [running.enter_context(serving(_Hello)) for _ in range(2)]
