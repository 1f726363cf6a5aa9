"""An operation: one question or one change, typed at both ends, knowing nothing of its carrier."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

Input = TypeVar("Input", bound=msgspec.Struct)
Output = TypeVar("Output")


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An input that changes nothing."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An input that changes something."""

    transaction: str = (
        ""  # sent again: the first answer again, and no second change; empty: no such protection
    )


class Operation(msgspec.Struct, Generic[Input, Output], frozen=True):
    """`carries_document`: the input holds a whole configuration, too long for a query string."""

    name: str
    summary: str
    input: type[Input]
    output: type[Output]
    handler: Callable[[Supervisor, Input], Output]
    carries_document: bool = False

    @property
    def mutating(self) -> bool:
        return issubclass(self.input, Order)

    @property
    def method(self) -> Literal["GET", "POST"]:
        return "POST" if self.mutating or self.carries_document else "GET"

    @property
    def path(self) -> str:
        return f"/v1/{self.name.replace('_', '-')}"


AnyOperation = Operation[Any, Any]
