"""`redirect`: another cluster feeds a listener; open sessions stay where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobalance.api.operation import Operation, Order
from protobalance.control.answers import RedirectChange

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class RedirectOrder(Order, frozen=True):
    """`cluster`: feeds the listener from now on; null: the file's again."""

    listener: str
    cluster: str | None


def _handle(supervisor: Supervisor, order: RedirectOrder) -> RedirectChange:
    return supervisor.redirect(order.listener, order.cluster, order.transaction)


OPERATION = Operation(
    name="redirect",
    summary="Feed a listener from another cluster beside the file, or from the file's again",
    input=RedirectOrder,
    output=RedirectChange,
    handler=_handle,
)
