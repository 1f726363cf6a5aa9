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
    upgrade,
)

QUESTIONS = (status, sessions, explain, history, check, plan)
CHANGES = (apply, set_node, redirect, upgrade)
OPERATIONS: tuple[AnyOperation, ...] = tuple(module.OPERATION for module in (*QUESTIONS, *CHANGES, schema))
