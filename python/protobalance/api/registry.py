"""All operations, in the order in which they are shown. What is not here cannot be asked."""

from __future__ import annotations

from protobalance.api.operation import AnyOperation
from protobalance.api.operations import (
    apply,
    check,
    explain,
    history,
    plan,
    redirect,
    schema,
    sessions,
    set_node,
    status,
)

OPERATIONS: tuple[AnyOperation, ...] = tuple(
    module.OPERATION
    for module in (status, sessions, explain, history, check, plan, apply, set_node, redirect, schema)
)
