"""Changes to inputs, drawn from a seed: bits, bytes, cuts, doublings, pieces and words of other inputs."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

WORD = re.compile(rb"[A-Za-z_0-9.]+|\s+|.", re.DOTALL)
LONGEST = 4096  # bytes


def mutations(corpus: Sequence[bytes], seed: int, count: int) -> Iterator[bytes]:
    draw = random.Random(seed)
    words = [word for data in corpus for word in WORD.findall(data)]
    for _ in range(count):
        data = bytearray(draw.choice(corpus))
        for _ in range(draw.randint(1, 4)):
            _change(data, corpus, words, draw)
        yield bytes(data[:LONGEST])


def _change(data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes], draw: random.Random) -> None:
    start, end = sorted((draw.randint(0, len(data)), draw.randint(0, len(data))))
    match draw.randrange(8):
        case 0 if data:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        case 1:
            data[start:start] = draw.choice([b"\0", b"\xff", b"\xed\xa0\x80", b"-1", b"1e999", b'"', b"["])
        case 2:
            del data[start : min(end, start + 40)]
        case 3:
            data[end:end] = data[start : start + 200]
        case 4:
            other = draw.choice(corpus)
            place = draw.randint(0, len(other))
            data[start:start] = other[place : place + 60]
        case _:
            found = list(WORD.finditer(data))
            if found:
                one = draw.choice(found)
                data[one.start() : one.end()] = draw.choice(words)
