"""The description of the interface says what the interface does."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from fakes.admin import Rig
from fakes.supervisor import SOUND
from protobalance.api import openapi, operations
from protobalance.api.operation import AnyOperation, Order
from protobalance.api.registry import OPERATIONS

DOCUMENT = openapi.document(OPERATIONS)
INPUTS: dict[str, dict[str, Any]] = {
    "set_node": {"cluster": "web", "node": "a", "admin_state": "offline"},
    "redirect": {"listener": "web", "cluster": "green"},
    "upgrade": {"grace": 60},
    "apply": {"text": SOUND},
    "plan": {"text": SOUND},
    "check": {"text": SOUND},
}


def references(value: object) -> Iterator[str]:
    match value:
        case {"$ref": str(name), **_rest}:
            yield name
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def test_every_operation_file_is_registered_under_its_name() -> None:
    files = {module.name for module in pkgutil.iter_modules(operations.__path__)}
    assert {operation.name for operation in OPERATIONS} == files


def test_what_changes_something_takes_a_transaction_and_is_no_get() -> None:
    changing = {operation.name for operation in OPERATIONS if operation.mutating}
    assert changing == {"apply", "set_node", "redirect", "upgrade"}
    for operation in OPERATIONS:
        assert operation.mutating == ("transaction" in operation.input.__struct_fields__)
        assert not (operation.mutating and operation.method == "GET")
        assert issubclass(operation.input, Order) == operation.mutating


def test_every_type_has_a_name_of_its_own() -> None:
    names = [operation.input.__name__ for operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    found = set(references(DOCUMENT))
    assert found
    assert found <= known


def test_the_document_is_served(rig: Rig) -> None:
    answer = rig.request("GET", "/v1/openapi.json")
    assert answer.json == json.loads(json.dumps(DOCUMENT))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_answers_are_as_described(rig: Rig, operation: AnyOperation) -> None:
    asked = INPUTS.get(operation.name, {})
    answer = (
        rig.request("GET", operation.path) if operation.method == "GET" else rig.post(operation.path, asked)
    )
    assert answer.status == 200
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    schema = described["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json, schema | {"components": DOCUMENT["components"]})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_inputs_are_as_described(operation: AnyOperation) -> None:
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    if operation.method == "GET":
        assert [one["name"] for one in described["parameters"]] == list(operation.input.__struct_fields__)
    else:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        checked = schema | {"components": DOCUMENT["components"]}
        jsonschema.validate(INPUTS[operation.name], checked)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"unheard-of": 1}, checked)
