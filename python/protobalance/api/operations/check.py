"""`check`: every error of a configuration, without putting it in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobalance.api.operation import Operation, Question
from protobalance.control.answers import CheckResult

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor


class CheckQuestion(Question, frozen=True):
    """`text`: a configuration; null: the file that the balancer was started with, read anew. `source`: what
    errors call the text.
    """

    text: str | None = None
    source: str = "text"


def _handle(supervisor: Supervisor, question: CheckQuestion) -> CheckResult:
    return supervisor.check(question.text, question.source)


OPERATION = Operation(
    name="check",
    summary="Whether a configuration is sound, and everything that is wrong with it",
    input=CheckQuestion,
    output=CheckResult,
    handler=_handle,
    carries_document=True,
)
