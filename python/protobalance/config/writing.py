"""TOML, written: keys, paths and values as an operator would write them. The inverse of tomllib."""

from __future__ import annotations

from collections.abc import Mapping

Path = tuple[str | int, ...]  # names of tables and keys, and places in arrays from 0

BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_text(text: str) -> str:
    """A basic string. What does not print is escaped, so that it can do no harm on a terminal."""
    return '"' + "".join(ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def write_key(name: str) -> str:
    """A key: bare where TOML allows it, else quoted."""
    return name if name and BARE.issuperset(name) else write_text(name)


def write_path(path: Path) -> str:
    """A dotted key; places in arrays in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{write_key(part)}" if text else write_key(part)
    return text


def write_value(value: object) -> str:
    """Any value of a configuration on one line, tables inline."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return write_text(value)
        case list() | tuple():
            return f"[{', '.join(map(write_value, value))}]"
        case Mapping():
            pairs = (f"{write_key(str(key))} = {write_value(inner)}" for key, inner in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case _:
            return str(value)
