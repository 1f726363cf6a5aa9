"""`status`: the whole state at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobalance.api.operation import Operation, Question
from protobalance.control.answers import Status

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class StatusQuestion(Question, frozen=True):
    """Takes nothing."""


def _handle(supervisor: Supervisor, _question: StatusQuestion) -> Status:
    return supervisor.status()


OPERATION = Operation(
    name="status",
    summary="Listeners, clusters, nodes, counts, and what is wrong",
    input=StatusQuestion,
    output=Status,
    handler=_handle,
)
