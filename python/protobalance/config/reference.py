"""The reference page of all keys. To make it anew:
`python -m protobalance.config.reference > docs/reference/configuration.md`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from protobalance.config.kinds import NAME_WORDS
from protobalance.config.model import INCLUDE, Config
from protobalance.config.rendering import written
from protobalance.config.schema import Field, Key, Named, Table, fields_of
from protobalance.config.writing import write_value

INTRODUCTION = f"""\
# Configuration

One TOML file, and those it includes. Everything that is not said here is an error, and all errors are told
at once, each with its place: `protobalance check FILE`. An editor that knows JSON Schema completes and checks
while one types: `protobalance schema`.

Names of listeners, clusters and nodes have {NAME_WORDS}.
Durations have a unit: `ms`, `s`, `m`, `h` or `d`.

This page is made from the program's own description of its keys.
"""


def reference() -> str:
    """The page, in Markdown."""
    include = Field("include", INCLUDE, required=False, default=None)
    parts = [INTRODUCTION, "## The file\n", _described(include), *_sections(Config, "")]
    return "\n".join(parts)


def _sections(section: type, path: str) -> Iterator[str]:
    """A section's keys, then the sections in it."""
    for field in fields_of(section).values():
        kind = field.key.kind
        if isinstance(kind, Table | Named):
            name = f".{kind.of.upper()}" if isinstance(kind, Named) else ""
            inner = f"{path}{field.name}{name}"
            yield f"## `[{inner}]`\n"
            yield f"{_text(kind.section, field.key)}\n"
            yield from (_described(key) for key in fields_of(kind.section).values() if not _is_named(key))
            yield from _sections(kind.section, f"{inner}.")


def _is_named(field: Field) -> bool:
    return isinstance(field.key.kind, Named)


def _text(section: type, key: Key) -> str:
    doc = " ".join((section.__doc__ or "").split())
    return doc if key.doc == section.__doc__ else f"{doc} {key.doc}"


def _described(field: Field) -> str:
    lines = [
        f"- **`{field.name}`**: {field.key.doc}",
        f"  Expected: {field.key.kind.words}.",
        f"  {_default(field)}",
    ]
    return "  \n".join(lines) + "\n"


def _default(field: Field) -> str:
    because = f" ({field.key.because})" if field.key.because else ""
    if field.required:
        return "Required."
    if field.default is None:
        return f"Default: absent{because}."
    return f"Default: `{write_value(written(field, field.default))}`{because}."


if __name__ == "__main__":
    sys.stdout.write(reference())
