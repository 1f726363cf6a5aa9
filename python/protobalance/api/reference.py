"""The reference of the API, generated from the registry: `python -m protobalance.api.reference`.

It prints Markdown; `docs/reference/api.md` is that, and a test fails where the two differ.
"""

from __future__ import annotations

import inspect
from typing import Any, get_args

import msgspec

from protobalance.api.errors import STATUS_OF_KIND, Code, ErrorAnswer
from protobalance.api.openapi import REFERENCE
from protobalance.api.operation import AnyOperation
from protobalance.api.registry import OPERATIONS

HEAD = """\
# API

<!-- Generated: python -m protobalance.api.reference > docs/reference/api.md -->

HTTP and JSON over the admin socket (mode 0600). The same, for programs: `GET /v1/openapi.json`.

```sh
curl --unix-socket /run/protobalance/admin.sock http://balancer/v1/status
curl --unix-socket /run/protobalance/admin.sock http://balancer/v1/set-node \\
  --json '{"cluster": "web", "node": "a", "admin_state": "draining", "transaction": "2f6c1d"}'
```

A GET takes its input from the query, a POST from a JSON body (`Content-Type: application/json`). Unknown
keys are refused. A change takes a `transaction` id: sent again with the same id, it is answered the same,
with `replayed` true, and changes nothing; so repeat yourself when an answer was lost.
"""


def document() -> str:
    """The whole page."""
    rows = "\n".join(
        f"| [`{one.name}`](#operation-{one.name}) | `{one.method} {one.path}` | {one.summary} |"
        for one in OPERATIONS
    )
    table = f"| operation | request | what it does |\n|---|---|---|\n{rows}\n"
    return "\n".join([HEAD, table, *(_operation(one) for one in OPERATIONS), _refusals(), _types()])


def _operation(operation: AnyOperation) -> str:
    (taken, given), components = msgspec.json.schema_components(
        [operation.input, operation.output], ref_template=REFERENCE
    )
    fields = components[taken["$ref"].rpartition("/")[2]]
    words = inspect.cleandoc(operation.input.__doc__ or "").replace("\n", " ")
    lines = [
        f"## Operation {operation.name}",
        "",
        f"`{operation.method} {operation.path}`: {operation.summary}. {words}",
        "",
    ]
    return "\n".join([*lines, *_fields(fields, defaults=True), f"Answer: {_type(given)}.", ""])


def _refusals() -> str:
    statuses = ", ".join(f"{status} `{kind}`" for kind, status in STATUS_OF_KIND.items())
    codes = ", ".join(f"`{code}`" for code in get_args(Code))
    words = inspect.cleandoc(ErrorAnswer.__doc__ or "")
    return "\n".join(
        [
            "## Refusals",
            "",
            f"A refusal has this shape, and nothing was changed. {words} `error` is one of {codes}.",
            "",
            f"Statuses: {statuses}; 400, 405, 413, 415, 431, 501 where the request itself is not one "
            "(`malformed`, `too-large`); 500 `internal`: our fault, logged.",
            "",
            *_fields(_schema(ErrorAnswer), defaults=False),
        ]
    )


def _types() -> str:
    outputs = [operation.output for operation in OPERATIONS]
    _, components = msgspec.json.schema_components([*outputs, ErrorAnswer], ref_template=REFERENCE)
    parts = ["## Types", ""]
    for name, schema in components.items():
        if name == ErrorAnswer.__name__:
            continue
        words = inspect.cleandoc(schema.get("description", "")).replace("\n", " ")
        parts += [f"### {name}", "", *([words, ""] if words else []), *_fields(schema, defaults=False)]
    return "\n".join(parts).rstrip() + "\n"


def _schema(of: type[msgspec.Struct]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([of], ref_template=REFERENCE)
    schema: dict[str, Any] = components[of.__name__]
    return schema


def _fields(schema: dict[str, Any], *, defaults: bool) -> list[str]:
    properties = schema.get("properties", {})
    if not properties:
        return []
    head = ["| field | type | default |", "|---|---|---|"] if defaults else ["| field | type |", "|---|---|"]
    return [*head, *(_field(name, schema, defaults=defaults) for name in properties), ""]


def _field(name: str, schema: dict[str, Any], *, defaults: bool) -> str:
    field = schema["properties"][name]
    cells = [f"`{name}`", _type(field)]
    if defaults:
        cells.append("required" if name in schema.get("required", []) else f"`{_json(field.get('default'))}`")
    return f"| {' | '.join(cells)} |"


def _type(schema: dict[str, Any]) -> str:
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": list(choices)}:
            return " or ".join(_type(choice) for choice in choices)
        case {"enum": list(words)}:
            return " or ".join(f"`{_json(word)}`" for word in words)
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items)}"
        case {"type": "integer", "minimum": int(least), "maximum": int(most)}:
            return f"integer from {least} to {most}"
        case {"type": str(name)}:
            return name
    return "any"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201 - its output is the page
