"""Nodes that report their own load: one number, over TCP (one line) or over HTTP (JSON).

Whatever a node says is read within bounds and refused if it is no number; a node's nonsense is the
node's fault and named as such.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from urllib.parse import SplitResult, urlsplit

import msgspec

MOST_BYTES = 64 * 1024  # an answer is one number; more is no agent


class BadAnswer(Exception):  # noqa: N818 - the node's fault, not a failure of ours
    """What the agent said is no load rating."""


def finite_number(value: object) -> float | None:
    """`value` as a load rating: a real, finite number, zero or more; else `None`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


async def ask(url: str) -> float:
    """The load rating that the agent at `url` reports. `OSError` or `BadAnswer` if there is none."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, _port(parts), limit=MOST_BYTES)
    try:
        if parts.scheme == "tcp":
            return _from_line(await _line(reader))
        return await _ask_http(reader, writer, parts)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _port(parts: SplitResult) -> int:
    return parts.port or 80


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial  # the agent closed instead of ending the line
    except asyncio.LimitOverrunError as error:
        raise BadAnswer("a line without end") from error


def _from_line(line: bytes) -> float:
    text = line.decode("ascii", "replace").strip()
    try:
        number = finite_number(float(text))
    except ValueError:
        number = None
    if number is None:
        raise BadAnswer(f"{_shown(text)} is not a number")
    return number


async def _ask_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: SplitResult) -> float:
    """One GET in HTTP/1.0, whose answer ends with the connection and is never chunked (RFC 1945)."""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n"
    writer.write(request.encode("ascii"))
    await writer.drain()
    answer = await reader.read(MOST_BYTES)
    while len(answer) < MOST_BYTES and (more := await reader.read(MOST_BYTES - len(answer))):
        answer += more
    head, separator, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split(b" ")
    if not separator or len(status) < 2 or not status[0].startswith(b"HTTP/"):
        raise BadAnswer("not an HTTP answer")
    if status[1] != b"200":
        raise BadAnswer(f"HTTP status {status[1].decode('ascii', 'replace')[:8]}")
    return _from_json(body)


def _from_json(body: bytes) -> float:
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise BadAnswer("the body is not JSON") from error
    number = finite_number(value.get("load") if isinstance(value, dict) else value)
    if number is None:
        raise BadAnswer(
            f"{_shown(body.decode('utf-8', 'replace'))} is neither a number nor {{'load': number}}"
        )
    return number


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
