"""Whatever is asked of the admin interface is answered in JSON: by the operation, or refused with what was
wrong and what to do; never as a fault of ours, and the same however the body is cut.

The bytes are a method, a target and a content type on one line, then the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

import msgspec

from fakes.supervisor import FakeSupervisor
from protobalance.api import rest
from protobalance.api.errors import ErrorAnswer

LOOP = asyncio.new_event_loop()
#: What h11 lets through in a target.
PRINTABLE = frozenset(range(0x21, 0x7F))


async def _asked(scope: dict[str, Any], pieces: list[bytes]) -> tuple[int, bytes]:
    """The status and the body that a supervisor without a past answers."""
    application = rest.application(FakeSupervisor().as_supervisor())
    coming = [
        {"type": "http.request", "body": piece, "more_body": nth + 1 < len(pieces)}
        for nth, piece in enumerate(pieces)
    ]
    told: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message)

    await application(scope, receive, send)
    return told[0]["status"], b"".join(message.get("body", b"") for message in told[1:])


def _scope(line: bytes) -> dict[str, Any]:
    method, target, content_type = [*line.split(b" ", 2), b"", b"", b""][:3]
    target = bytes(byte for byte in target if byte in PRINTABLE)
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method.decode("ascii", "replace"),
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", content_type)],
        "client": None,
        "server": None,
    }


def holds(data: bytes) -> None:
    line, _, body = data.partition(b"\n")
    status, answer = LOOP.run_until_complete(_asked(_scope(line), [body]))
    if status == 200:
        msgspec.json.decode(answer)
    else:
        refusal = msgspec.json.decode(answer, type=ErrorAnswer)
        assert 400 <= status < 500, (status, answer)
        assert refusal.error != "internal"
        assert refusal.what, answer
        assert refusal.hint, answer
    half = len(body) // 2
    in_pieces = LOOP.run_until_complete(_asked(_scope(line), [body[:half], body[half:]]))
    assert in_pieces == (status, answer)
