"""Whatever is asked of the admin interface is answered in JSON: by the operation, or refused with what was
wrong and what to do; never as a fault of ours, and the same however it is cut.

The bytes are a method, a target and a content type on one line, then the body.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import msgspec

from fakes.spoken import answers
from fakes.supervisor import FakeSupervisor
from protobalance.api import rest
from protobalance.api.errors import ErrorAnswer

LOOP = asyncio.new_event_loop()
THREAD = ThreadPoolExecutor(1)
GO_ON = b"HTTP/1.1 100 \r\n\r\n"
"""To who asks whether to send the body, unless it has come already."""

NO_HTTP = b"this is not HTTP"


def _heard(*pieces: bytes) -> bytes:
    """By a client, from a supervisor without a past."""
    application = rest.application(FakeSupervisor().as_supervisor(), THREAD)
    return LOOP.run_until_complete(answers(application, pieces)).removeprefix(GO_ON)


def _request(data: bytes) -> bytes:
    line, _, body = data.partition(b"\n")
    method, target, content_type = [*line.split(b" ", 2), b"", b"", b""][:3]
    head = b"%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n" % (method, target, content_type)
    return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def holds(data: bytes) -> None:
    request = _request(data)
    heard = _heard(request)
    head, _, answer = heard.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    if request.startswith(b"HEAD ") and NO_HTTP not in heard:
        assert answer == b""
    elif status == 200:
        msgspec.json.decode(answer)
    else:
        refusal = msgspec.json.decode(answer, type=ErrorAnswer)
        assert 400 <= status < 500, (status, answer)
        assert refusal.error != "internal"
        assert refusal.what, answer
        assert refusal.hint, answer
    for cut in (len(request) // 2, len(request) - 1):
        again = _heard(request[:cut], request[cut:])
        # h11 does not wait for the rest of what cannot become HTTP, and words that as it found it.
        assert again == heard or (NO_HTTP in again and NO_HTTP in heard)
