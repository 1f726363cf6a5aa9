"""The REST interface described for machines: OpenAPI 3.1, derived from the registry."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import msgspec

import protobalance
from protobalance.api.errors import ErrorAnswer
from protobalance.api.operation import AnyOperation

REFERENCE = "#/components/schemas/{name}"


def document(operations: Sequence[AnyOperation]) -> dict[str, Any]:
    """The OpenAPI document."""
    types = [side for operation in operations for side in (operation.input, operation.output)]
    schemas, components = msgspec.json.schema_components([*types, ErrorAnswer], ref_template=REFERENCE)
    *sides, refusal = schemas
    paths = {}
    for index, operation in enumerate(operations):
        taken, given = sides[2 * index], sides[2 * index + 1]
        described: dict[str, Any] = {
            "operationId": operation.name,
            "summary": operation.summary,
            "responses": {
                "200": _content("the answer", given),
                "default": _content("a refusal: nothing was changed", refusal),
            },
        }
        if operation.method == "GET":
            described["parameters"] = _parameters(components[operation.input.__name__])
        else:
            described["requestBody"] = {"required": True, "content": {"application/json": {"schema": taken}}}
        paths[operation.path] = {operation.method.lower(): described}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Proto Balance",
            "version": protobalance.__version__,
            "description": inspect.cleandoc(ErrorAnswer.__doc__ or ""),
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": described}
        for name, described in schema["properties"].items()
    ]
