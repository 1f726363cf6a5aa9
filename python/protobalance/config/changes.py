"""What differs between two configurations, key by key, in the order of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from protobalance.config.model import Config
from protobalance.config.rendering import table_of, written
from protobalance.config.schema import Field, Named, Table, fields_of
from protobalance.config.writing import Path, write_path, write_value

Kind = Literal["listener", "cluster", "node", "setting"]
Action = Literal["added", "removed", "changed"]


class Change(NamedTuple):
    """One difference. A listener, cluster or node that came or went is one change, with all it has."""

    kind: Kind
    path: str  # e.g. clusters.web.nodes.a.weight
    action: Action
    before: str  # as TOML on one line; empty if added
    after: str  # empty if removed


def diff(old: Config, new: Config) -> list[Change]:
    """From `old` to `new`; empty if they are equal. The order of nodes counts for nothing."""
    return list(_sections(old, new, (), "setting"))


def _sections(old: Any, new: Any, path: Path, kind: Kind) -> Iterator[Change]:
    for field in fields_of(type(new)).values():
        before, after = getattr(old, field.name), getattr(new, field.name)
        here = (*path, field.name)
        if before == after:
            continue
        match field.key.kind:
            case Named() as named:
                yield from _named(named, before, after, here)
            case Table() if before is not None and after is not None:
                yield from _sections(before, after, here, kind)
            case _:
                yield _setting(field, before, after, here, kind)


def _named(named: Named, old: dict[str, Any], new: dict[str, Any], path: Path) -> Iterator[Change]:
    for name in old | new:
        here = (*path, name)
        kind: Kind = named.of
        if name not in new:
            yield Change(kind, write_path(here), "removed", write_value(table_of(old[name])), "")
        elif name not in old:
            yield Change(kind, write_path(here), "added", "", write_value(table_of(new[name])))
        else:
            yield from _sections(old[name], new[name], here, kind)


def _setting(field: Field, before: Any, after: Any, path: Path, kind: Kind) -> Change:
    """One key. What is absent (None) is told apart from a default, which has a value to show."""
    if before is None:
        return Change(kind, write_path(path), "added", "", write_value(written(field, after)))
    if after is None:
        return Change(kind, write_path(path), "removed", write_value(written(field, before)), "")
    return Change(
        kind,
        write_path(path),
        "changed",
        write_value(written(field, before)),
        write_value(written(field, after)),
    )
