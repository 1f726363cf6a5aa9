"""The documents as tests read them: fenced blocks by language, tables by the heading above them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
_TESTS = re.compile(r"^#\[cfg\(test\)\]\n.*\{$", re.MULTILINE)  # a file's own, not a `mod` of another file
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    """A document, by its path in the repository."""
    return (ROOT / name).read_text()


def source_of(crate: str) -> str:
    """A crate's Rust, without the tests in it: where in it something is said may change."""
    files = sorted((ROOT / "crates" / crate / "src").rglob("*.rs"))
    return "\n".join(_TESTS.split(path.read_text(), 1)[0] for path in files)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return [body for fence, body in _FENCE.findall(text) if fence == language]


def tables(text: str, head: str) -> list[list[str]]:
    """The rows of every table whose first column is headed `head`, as cells."""
    rows: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if inside and cells:
            rows.append(cells)
        inside = bool(cells) and (inside or cells[0] == head)
    return [row for row in rows if not row[0].startswith("---")]


def words(text: str, head: str) -> list[str]:
    """What stands as `code` first in the rows of the tables headed `head`."""
    found = (re.match(r"`([^`]+)`", row[0]) for row in tables(text, head))
    return [match[1] for match in found if match]


def console_commands(text: str) -> list[str]:
    """Every command line that begins with `protobalance`, from sh and console blocks."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    lines += [
        line.removeprefix("$ ")
        for block in blocks(text, "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    return [line for line in lines if line.startswith("protobalance ")]
