"""`schema`: what a configuration may say, for editors and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobalance.api.operation import Operation, Question
from protobalance.config.json_schema import json_schema

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class SchemaQuestion(Question, frozen=True):
    """Takes nothing."""


def _handle(_supervisor: Supervisor, _question: SchemaQuestion) -> dict[str, Any]:
    return json_schema()


OPERATION = Operation(
    name="schema",
    summary="The JSON Schema of the configuration",
    input=SchemaQuestion,
    output=dict[str, Any],
    handler=_handle,
)
