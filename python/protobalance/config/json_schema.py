"""The schema as JSON Schema (draft 2020-12), so that an editor completes and checks while one types.

It says what a single key may be. What keys say to each other is for `protobalance check`.
"""

from __future__ import annotations

from typing import Any

from protobalance.config.kinds import NAME_PATTERN
from protobalance.config.kinds import Schema as JsonSchema
from protobalance.config.model import INCLUDE, Config
from protobalance.config.rendering import written
from protobalance.config.schema import Array, Field, Key, Named, Pairs, Table, fields_of


def json_schema() -> dict[str, Any]:
    """The whole file's."""
    schema = _section(Config)
    schema["properties"]["include"] = _key(INCLUDE)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Proto Balance configuration",
    }
    return head | schema


def _section(section: type) -> JsonSchema:
    fields = fields_of(section)
    schema: JsonSchema = {
        "type": "object",
        "description": " ".join((section.__doc__ or "").split()),
        "properties": {field.name: _field(field) for field in fields.values()},
        "additionalProperties": False,
    }
    required = [field.name for field in fields.values() if field.required]
    return schema | {"required": required} if required else schema


def _field(field: Field) -> JsonSchema:
    schema = _key(field.key)
    default = None if field.required else field.default
    if default is not None and not isinstance(field.key.kind, Table):
        schema["default"] = written(field, default)
    return schema


def _key(key: Key) -> JsonSchema:
    return _kind(key) | {"description": key.doc}


def _kind(key: Key) -> JsonSchema:
    match key.kind:
        case Table(switch=True) as table:
            return {"oneOf": [_section(table.section), {"type": "boolean"}]}
        case Table() as table:
            return _section(table.section)
        case Named() as named:
            return _named(named)
        case Array() as array:
            return _array(array)
        case Pairs() as pairs:
            names, values = pairs.keys.schema(), pairs.values.schema()
            return {"type": "object", "propertyNames": names, "additionalProperties": values}
        case kind:
            return kind.schema()


def _array(array: Array) -> JsonSchema:
    element = array.element.schema()
    several: JsonSchema = {"type": "array", "items": element}
    return {"oneOf": [element, several | {"minItems": 1}]} if array.lone else several | {"uniqueItems": True}


def _named(named: Named) -> JsonSchema:
    one = _section(named.section)
    if named.shorthand:
        one = {"oneOf": [one, _field(fields_of(named.section)[named.shorthand])]}
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": one,
        "minProperties": 1,
    }
