"""The demo's clients: each asks for a page, notes who answered, and asks again on a new connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import NamedTuple

CLIENTS = 4
PAUSE = 0.02  # seconds between a client's requests: about 150 a second in all
ANSWER_TIMEOUT = 10.0  # longer than every fail-over of the demo
WINDOW = 1.0  # seconds over which rates are counted
REQUEST = b"GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n"


class Failure(NamedTuple):
    """What one client saw instead of an answer."""

    request: int
    what: str


class Traffic:
    """Who answered how often, and every error."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._gate = asyncio.Event()
        self._gate.set()
        self._under_way = 0
        self._all_answered = asyncio.Event()
        self._latest: deque[tuple[float, str]] = deque()
        self.sent = 0
        self.answered: Counter[str] = Counter()
        self.failures: list[Failure] = []

    def rates(self) -> dict[str, float]:
        """Answers a second by node, over the last second."""
        since = asyncio.get_running_loop().time() - WINDOW
        while self._latest and self._latest[0][0] < since:
            self._latest.popleft()
        return {name: count / WINDOW for name, count in Counter(name for _, name in self._latest).items()}

    @contextlib.asynccontextmanager
    async def between_requests(self) -> AsyncIterator[None]:
        """A moment at which no request is under way. A node that is killed with a request in its hands takes
        that one with it, whoever balances; the demo is about all the others.
        """
        self._gate.clear()
        try:
            while self._under_way:
                self._all_answered.clear()
                await self._all_answered.wait()
            yield
        finally:
            self._gate.set()

    async def run(self) -> None:
        """Sends requests until cancelled."""
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(self._client())

    async def _client(self) -> None:
        while True:
            await self._gate.wait()
            await self._request()
            await asyncio.sleep(PAUSE)

    async def _request(self) -> None:
        self.sent += 1
        number = self.sent
        self._under_way += 1
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                name = await self._exchange()
            self.answered[name] += 1
            self._latest.append((asyncio.get_running_loop().time(), name))
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            self.failures.append(Failure(number, f"{type(error).__name__}: {error}".rstrip(": ")))
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._all_answered.set()

    async def _exchange(self) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(REQUEST)
            answer = await reader.read()
        finally:
            writer.close()
        return answering_node(answer)


def answering_node(answer: bytes) -> str:
    """The name in a complete answer of a `web_node`; `ValueError` for anything less."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.partition(b": ")[::2] for line in head.split(b"\r\n")[1:])
    if (
        not blank
        or not head.startswith(b"HTTP/1.1 200 ")
        or len(body) != int(fields.get(b"Content-Length", b"-1"))
    ):
        raise ValueError(f"{len(answer)} bytes that are no complete answer")
    return fields.get(b"X-Node", b"?").decode("ascii")
