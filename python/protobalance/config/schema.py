"""What a section's keys are: one description, beside the field in `model.py`, from which the reader, the
writer, the JSON Schema and the reference page all follow. None of them knows a key by name.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from protobalance.config.kinds import Kind


class Table:
    """A table of its own whose keys are the fields of `section`. With `switch`, `true` means the table with
    its defaults and `false` the same as leaving it out."""

    blank = None

    def __init__(self, section: type, *, switch: bool = False) -> None:
        self.section = section
        self.switch = switch
        self.words = "a table, or true for its defaults" if switch else "a table"


class Named:
    """Tables by name: `[clusters.web]`. With `shorthand`, a string instead of the table is that key alone."""

    def __init__(
        self, section: type, of: Literal["listener", "cluster", "node"], *, shorthand: str = ""
    ) -> None:
        self.section = section
        self.of = of
        self.shorthand = shorthand
        self.words = f"a table of {of}s by name"
        self.blank: dict[str, object] = {}


class Array:
    """Several values of one kind, in order. With `lone`, one value may stand without its array."""

    blank = ()

    def __init__(self, element: Kind, words: str = "", *, lone: bool = False) -> None:
        self.element = element
        self.lone = lone
        self.words = f"{element.words}, or an array of such" if lone else words


class Pairs:
    """A table whose keys are the operator's own, all of one kind, and whose values are of another."""

    def __init__(self, keys: Kind, values: Kind, words: str) -> None:
        self.keys = keys
        self.values = values
        self.words = words
        self.blank: dict[str, object] = {}


class Key(NamedTuple):
    """One key: its kind, what it does, and why its default is what it is."""

    kind: Kind | Array | Table | Named | Pairs
    doc: str
    because: str = ""


class Field(NamedTuple):
    """A key with what its section says of it."""

    name: str
    key: Key
    required: bool
    default: Any


_FIELDS: dict[type, dict[str, Field]] = {}


def fields_of(section: type) -> dict[str, Field]:
    """The keys of a section, in order. A field without a Key (a name) is not written in its table."""
    if section not in _FIELDS:
        _FIELDS[section] = _described(section)
    return _FIELDS[section]


def _described(section: type[msgspec.Struct]) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for field in msgspec.structs.fields(section):
        for key in getattr(field.type, "__metadata__", ()):
            default = None if field.required else field.default
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            fields[field.name] = Field(field.name, key, field.required, default)
    return fields
