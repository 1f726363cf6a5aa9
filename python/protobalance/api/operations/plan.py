"""`plan`: what applying a configuration would do, sessions included. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobalance.api.operation import Operation, Question
from protobalance.control.answers import PlanResult

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class PlanQuestion(Question, frozen=True):
    """`text`: a configuration; null: the file that the balancer was started with, read anew. `source`: what
    errors call the text.
    """

    text: str | None = None
    source: str = "text"


def _handle(supervisor: Supervisor, question: PlanQuestion) -> PlanResult:
    return supervisor.plan(question.text, question.source)


OPERATION = Operation(
    name="plan",
    summary="What applying a configuration would change, and which sessions it would end",
    input=PlanQuestion,
    output=PlanResult,
    handler=_handle,
    carries_document=True,
)
