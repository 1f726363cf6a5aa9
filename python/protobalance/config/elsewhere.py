"""Where a key belongs that was written into another table. Asked only when there is an error to report."""

from __future__ import annotations

from collections.abc import Iterator

from protobalance.config.model import Config
from protobalance.config.schema import Named, Table, fields_of
from protobalance.config.writing import Path, write_path


def homes(key: str, path: Path) -> list[str]:
    """The tables that have just this key, as a file names them; none that is called like the one at `path`,
    where the same word would mean something else."""
    found = (table for table, keys in _tables(Config, ()) if key in keys and table[-1:] != path[-1:])
    return [f"[{write_path(table)}]" for table in found if table]


def _tables(section: type, path: Path) -> Iterator[tuple[Path, set[str]]]:
    fields = fields_of(section)
    yield path, set(fields)
    for field in fields.values():
        kind = field.key.kind
        if isinstance(kind, Table):
            yield from _tables(kind.section, (*path, field.name))
        elif isinstance(kind, Named):
            yield from _tables(kind.section, (*path, field.name, "NAME"))
