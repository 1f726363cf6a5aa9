"""`upgrade`: the program as it now is on disk takes over, without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobalance.api.operation import Operation, Order
from protobalance.control.answers import UpgradeResult

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class UpgradeOrder(Order, frozen=True):
    """`grace`: seconds after which the sessions of the process before are ended; null: never."""

    grace: float | None = None


def _handle(supervisor: Supervisor, order: UpgradeOrder) -> UpgradeResult:
    return supervisor.upgrade(order.grace, order.transaction)


OPERATION = Operation(
    name="upgrade",
    summary="Start the program anew, as it now is on disk, without refusing or cutting off anybody",
    input=UpgradeOrder,
    output=UpgradeResult,
    handler=_handle,
)
