"""`set_node`: what the operator wants of a node, beside the file and kept across restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobalance.api.operation import Operation, Order
from protobalance.config.model import AdminState
from protobalance.control.answers import NodeChange
from protobalance.control.node_setting import NodeSetting

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class SetNodeOrder(Order, frozen=True):
    """A state, a weight (0 to 256), or both; or `clear` alone: the file's values again."""

    cluster: str
    node: str
    admin_state: AdminState | None = None
    weight: int | None = None
    clear: bool = False


def _handle(supervisor: Supervisor, order: SetNodeOrder) -> NodeChange:
    wanted = NodeSetting(order.admin_state, order.weight, order.clear)
    return supervisor.set_node(order.cluster, order.node, wanted, order.transaction)


OPERATION = Operation(
    name="set_node",
    summary="Set a node's admin state or weight beside the file, or take back what was set",
    input=SetNodeOrder,
    output=NodeChange,
    handler=_handle,
)
