"""An exchange of the admin interface, once it is whole: what was asked, and what is answered.

Neither knows how it came or how it goes (`connection.py`), or what it means (`rest.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

JSON = "application/json"


class Asked(msgspec.Struct, frozen=True):
    """`target`: path and query as they were sent."""

    method: str
    target: str
    content_type: str = ""
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """`allow`: the methods that would have been right (RFC 9110, 10.2.1)."""

    status: int
    body: bytes
    media_type: str = JSON
    allow: str = ""


Application = Callable[[Asked], Awaitable[Answer]]
"""Whatever is asked is answered; it never raises."""
