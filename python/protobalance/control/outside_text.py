"""Text from outside (a name, a path, an error of somebody else's) on its way to a line or a terminal.

What steers instead of being read: control characters of both sets (ECMA-48), line and paragraph separators,
marks that turn the direction of writing, and bytes that are no text (PEP 383).
"""

from __future__ import annotations

import re

STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(words: str) -> str:
    """The words as one line that forges no other: what steers stands there as its escape."""
    return STEERING.sub(_escape, words.replace("\r\n", "\n").replace("\n", " / "))


def in_json(document: str) -> str:
    """A JSON document, which escapes some of it by itself, with the rest escaped as well. Line ends and tabs
    outside of strings stay."""
    return STEERING.sub(lambda found: found[0] if found[0] in "\n\t" else f"\\u{ord(found[0]):04x}", document)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
