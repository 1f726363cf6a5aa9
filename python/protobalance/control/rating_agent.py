"""Load ratings that nodes report themselves, through an agent beside each: one number, over TCP (one line)
or over HTTP (JSON).

Whatever a node says is read within bounds and refused if it is no number; a node's nonsense is the
node's fault and named as such.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import msgspec

from protobalance.config.addresses import UNIX, bracketed, split_host_port
from protobalance.control.load_ratings import NodeStats, Rated, finite_number

MOST_BYTES = 64 * 1024  # an answer is one number; more is no agent


class BadAnswer(Exception):  # noqa: N818 - the node's fault, not a failure of ours
    """What the agent said is no load rating."""


class AgentRater:
    """Asks the agent beside each node, all at once."""

    def __init__(self, template: str, timeout: float) -> None:
        self.source = template
        self._timeout = timeout

    async def rate(self, nodes: Mapping[str, NodeStats]) -> Rated:
        names = [name for name, stats in nodes.items() if stats.address]
        answers = await asyncio.gather(*(self._ask(nodes[name]) for name in names))
        ratings: dict[str, float] = {}
        problems: dict[str, str] = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, float):
                ratings[name] = answer
            else:
                kind, message = answer
                problems[f"{name} {kind}"] = f"{name}: {message}"
        return Rated(ratings, frozenset(problems), "; ".join(problems.values()))

    async def _ask(self, node: NodeStats) -> float | tuple[str, str]:
        try:
            async with asyncio.timeout(self._timeout):
                return await ask(agent_url(self.source, node.address))
        except TimeoutError:
            return "hangs", f"no answer within {self._timeout:g} s"
        except BadAnswer as error:
            return "nonsense", str(error)
        except OSError as error:
            return "unreachable", error.strerror or str(error) or type(error).__name__
        except ValueError as error:
            return "invalid", f"{self.source} is no URL to ask: {error}"


def agent_url(template: str, address: str) -> str:
    """The agent's URL beside a node: `{host}` is the node's host; a Unix socket's is this machine."""
    host = "127.0.0.1" if address.startswith(UNIX) else split_host_port(address)[0]
    return template.replace("{host}", bracketed(host))


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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer("the body is not JSON") from error
    number = finite_number(value.get("load") if isinstance(value, dict) else value)
    if number is None:
        raise BadAnswer(
            f"{_shown(body.decode('utf-8', 'replace'))} is neither a number nor {{'load': number}}"
        )
    return number


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
