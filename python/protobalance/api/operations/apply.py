"""`apply`: a configuration in force, all of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobalance.api.operation import Operation, Order
from protobalance.control.answers import ApplyResult

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class ApplyOrder(Order, frozen=True):
    """`text`: a configuration; null: the file that the balancer was started with, read anew. `source`: what
    errors and the history call the text.
    """

    text: str | None = None
    source: str = "text"


def _handle(supervisor: Supervisor, order: ApplyOrder) -> ApplyResult:
    return supervisor.apply(order.text, order.transaction, source=order.source)


OPERATION = Operation(
    name="apply",
    summary="Put a configuration in force, all of it or nothing",
    input=ApplyOrder,
    output=ApplyResult,
    handler=_handle,
)
