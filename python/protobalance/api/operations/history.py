"""`history`: what changed, when, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from protobalance.api.operation import Operation, Question
from protobalance.control.answers import HistoryEntry

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

LIMIT = 50
MOST = 2000


class HistoryQuestion(Question, frozen=True):
    """At most `limit` entries, the newest."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = LIMIT


def _handle(supervisor: Supervisor, question: HistoryQuestion) -> list[HistoryEntry]:
    return supervisor.history(question.limit)


OPERATION = Operation(
    name="history",
    summary="What changed, newest first",
    input=HistoryQuestion,
    output=list[HistoryEntry],
    handler=_handle,
)
