"""Tables to frozen values, by the schema alone. Reading never stops at an error: a wrong value is noted and
its default stands in for it (or, where it has none, a blank), so that everything else is still read and
all errors are told at once. What was read is a configuration only if nothing was found wrong.
"""

from __future__ import annotations

from typing import Any

from protobalance.config.findings import Findings
from protobalance.config.kinds import NAME_WORDS, Kind, Refused, is_name, nearest, what_came
from protobalance.config.schema import Array, Field, Named, Pairs, Table, fields_of
from protobalance.config.writing import Path, write_key

SLIP = 0.8  # as like each other as one key and the same with a letter wrong


def read_section(section: type, raw: object, path: Path, findings: Findings, name: str | None = None) -> Any:
    """The section's value; None if it is no table at all. `name`: by which it is listed."""
    if not isinstance(raw, dict):
        findings.add(path, f"got {what_came(raw)}, expected a table")
        return None
    fields = fields_of(section)
    meant = {_unknown(key, path, fields, findings) for key in raw if key not in fields}
    values: dict[str, Any] = {} if name is None else {"name": name}
    for field in fields.values():
        here = (*path, field.name)
        value = None
        if field.name in raw:
            value = _read_field(field, raw[field.name], here, findings)
        elif field.required and field.name not in meant:
            findings.add(here, f"missing, expected {field.key.kind.words}", at="key")
        if value is not None:
            values[field.name] = value
        elif field.required:
            values[field.name] = field.key.kind.blank
    return section(**values)


def _unknown(key: str, path: Path, fields: dict[str, Field], findings: Findings) -> str | None:
    """Notes it; the key that was probably meant."""
    from protobalance.config.elsewhere import homes  # noqa: PLC0415 - only to report an error

    slip = nearest(key, tuple(fields), likeness=SLIP)
    known = [] if slip else homes(key, path)
    near = None if known else slip or nearest(key, tuple(fields))
    expected = "" if near else f", expected one of: {', '.join(fields)}"
    hint = f" here: it belongs in {' or '.join(known)}" if known else expected
    findings.add((*path, key), f"unknown key{hint}", near, at="key")
    return near


def _read_field(field: Field, raw: object, path: Path, findings: Findings) -> Any:
    kind = field.key.kind
    if isinstance(kind, Kind):
        return _read_value(kind, raw, path, findings)
    if isinstance(kind, Array):
        return read_array(kind, raw, path, findings)
    if isinstance(kind, Named):
        return _read_named(kind, raw, path, findings)
    if isinstance(kind, Pairs):
        return _read_pairs(kind, raw, path, findings)
    return _read_table(kind, raw, path, findings)


def _read_value(kind: Kind, raw: object, path: Path, findings: Findings) -> Any:
    try:
        return kind.read(raw)
    except Refused as refused:
        findings.refused(path, refused)
        return None


def read_array(kind: Array, raw: object, path: Path, findings: Findings) -> tuple[Any, ...] | None:
    """The elements in order; what an element itself reads as several is spliced in."""
    if kind.lone and not isinstance(raw, list):
        raw, places = [raw], [path]
    elif isinstance(raw, list):
        places = [(*path, index) for index in range(len(raw))]
    else:
        findings.refused(path, Refused(f"got {what_came(raw)}, expected {kind.words}", _in_array(kind, raw)))
        return None
    if kind.lone and not raw:
        findings.add(path, f"got an empty array, expected {kind.words}")
    values: list[Any] = []
    for element, place in zip(raw, places, strict=True):
        value = _read_value(kind.element, element, place, findings)
        if value is not None:
            values.extend(value if isinstance(value, tuple) else (value,))
    return tuple(values)


def _read_pairs(kind: Pairs, raw: object, path: Path, findings: Findings) -> dict[str, Any] | None:
    if not isinstance(raw, dict):
        findings.add(path, f"got {what_came(raw)}, expected {kind.words}")
        return None
    pairs: dict[str, Any] = {}
    for written, inner in raw.items():
        here = (*path, written)
        try:
            key = kind.keys.read(written)
        except Refused as refused:
            findings.add(here, refused.message, refused.suggestion, at="key")
            continue
        if key in pairs:
            findings.add(here, f"{key} is named twice", at="key")
        pairs[key] = _read_value(kind.values, inner, here, findings)
    return {key: value for key, value in pairs.items() if value is not None}


def _in_array(kind: Array, raw: object) -> object:
    """An array was forgotten around its one element."""
    try:
        kind.element.read(raw)
    except Refused:
        return None
    return [raw]


def _read_table(kind: Table, raw: object, path: Path, findings: Findings) -> Any:
    if kind.switch and isinstance(raw, bool):
        return kind.section() if raw else None
    if kind.switch and not isinstance(raw, dict):
        findings.add(path, f"got {what_came(raw)}, expected {kind.words}")
        return None
    return read_section(kind.section, raw, path, findings)


def _read_named(kind: Named, raw: object, path: Path, findings: Findings) -> dict[str, Any]:
    if not isinstance(raw, dict):
        findings.add(path, f"got {what_came(raw)}, expected {kind.words}")
        return {}
    read: dict[str, Any] = {}
    for name, inner in raw.items():
        here = (*path, name)
        if not is_name(name):
            findings.add(
                here, f"a {kind.of} cannot have this name, expected {NAME_WORDS}", _near_name(name), at="key"
            )
        elif kind.shorthand and not isinstance(inner, dict):
            read[name] = _read_shorthand(kind, name, inner, here, findings)
        else:
            read[name] = read_section(kind.section, inner, here, findings, name)
    return {name: value for name, value in read.items() if value is not None}


def _read_shorthand(kind: Named, name: str, raw: str, path: Path, findings: Findings) -> Any:
    """`a = "10.0.0.1:80"`: the one key is meant, and an error is told at the string that stands for it."""
    field = fields_of(kind.section)[kind.shorthand]
    value = _read_field(field, raw, path, findings)
    return kind.section(name=name, **{kind.shorthand: field.key.kind.blank if value is None else value})


def _near_name(name: str) -> str | None:
    plain = "".join(c if is_name(c) else "-" for c in name.strip())[:64].strip("-")
    return write_key(plain) if plain else None
