"""What an agent answers is a finite number, or refused in words that are bounded; the same however the
answer is cut. The first byte says whether it is asked over TCP or HTTP, the second where it is cut.
"""

from __future__ import annotations

import asyncio
import math
from typing import cast
from urllib.parse import urlsplit

from protobalance.control.rating_agent import MOST_BYTES, BadAnswer, _ask_http, _from_line, _line

LONGEST_REFUSAL = 300  # characters
URL = urlsplit("http://127.0.0.1:9000/load?now=1")
LOOP = asyncio.new_event_loop()


class _Nowhere:
    """Where questions go."""

    def write(self, data: bytes) -> None:
        data.decode("ascii")

    async def drain(self) -> None:
        pass


async def _asked(http: bool, pieces: list[bytes]) -> float | str:  # noqa: FBT001 - one of two ways to ask
    reader = asyncio.StreamReader(limit=MOST_BYTES)

    async def ask() -> float:
        if http:
            return await _ask_http(reader, cast(asyncio.StreamWriter, _Nowhere()), URL)
        return _from_line(await _line(reader))

    answer = asyncio.ensure_future(ask())
    for piece in pieces:
        await asyncio.sleep(0)
        reader.feed_data(piece)
    await asyncio.sleep(0)
    reader.feed_eof()
    try:
        return await answer
    except BadAnswer as refusal:
        return str(refusal)


def holds(data: bytes) -> None:
    if len(data) < 2:
        return
    http, cut, said = bool(data[0] & 1), data[1], data[2:]
    whole = LOOP.run_until_complete(_asked(http, [said]))
    if isinstance(whole, float):
        assert math.isfinite(whole)
    else:
        assert 0 < len(whole) <= LONGEST_REFUSAL, whole
    cut = cut * len(said) // 256
    in_pieces = LOOP.run_until_complete(_asked(http, [said[:cut], said[cut:]]))
    assert in_pieces == whole, (whole, in_pieces)
