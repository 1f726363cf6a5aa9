"""A configuration as TOML text that reads back as the same configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protobalance.config.model import Config
from protobalance.config.schema import Array, Field, Named, Pairs, Table, fields_of
from protobalance.config.writing import Path, write_key, write_path, write_value


def render(config: Config, *, complete: bool = False) -> str:
    """The whole configuration. Keys that have their default are left out unless it is to be `complete`."""
    tables = _tables(config, (), complete=complete)
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in tables if lines)


def written(field: Field, value: Any) -> object:
    """A value as a file would have it, tables as mappings. None where it cannot be written: left out."""
    kind = field.key.kind
    if value is None:
        return None
    if isinstance(kind, Array):
        elements = [kind.element.write(each) for each in value]
        return elements[0] if kind.lone and len(elements) == 1 else elements
    if isinstance(kind, Table):
        return table_of(value)
    if isinstance(kind, Pairs):
        return {key: kind.values.write(inner) for key, inner in value.items()}
    if isinstance(kind, Named):
        return {name: table_of(inner) for name, inner in value.items()}
    return kind.write(value)


def table_of(section: Any, *, complete: bool = False) -> dict[str, object]:
    """A section as a mapping of what differs from the defaults, or of everything."""
    table = {}
    for field in fields_of(type(section)).values():
        value = getattr(section, field.name)
        if complete or field.required or value != field.default:
            table[field.name] = written(field, value)
    return {key: value for key, value in table.items() if value is not None}


def _tables(section: Any, path: Path, *, complete: bool) -> Iterator[list[str]]:
    """A section's own lines under its header, then those of the tables in it."""
    lines = [f"[{write_path(path)}]"] if path else []
    inner: list[tuple[Any, Path]] = []
    for field in fields_of(type(section)).values():
        value = getattr(section, field.name)
        here = (*path, field.name)
        if isinstance(field.key.kind, Named):
            inner += [(part, (*here, name)) for name, part in value.items()]
        elif value is None or not (complete or field.required or value != field.default):
            continue
        elif isinstance(field.key.kind, Table) and (complete or not path):
            inner.append((value, here))
        else:  # a table within a section differs by little and reads better on one line
            lines.append(f"{write_key(field.name)} = {write_value(written(field, value))}")
    yield lines
    for part, here in inner:
        yield from _tables(part, here, complete=complete)
