"""`sessions`: the open ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from protobalance.api.operation import Operation, Question
from protobalance.control.answers import SessionList

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

LIMIT = 100
MOST = 20_000  # some 5 MB of answer


class SessionsQuestion(Question, frozen=True):
    """What is empty matches all; `node` as cluster/node."""

    listener: str = ""
    node: str = ""
    client: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = LIMIT


def _handle(supervisor: Supervisor, question: SessionsQuestion) -> SessionList:
    return supervisor.sessions(question.listener, question.node, question.client, question.limit)


OPERATION = Operation(
    name="sessions",
    summary="Open sessions, the longest-lived first",
    input=SessionsQuestion,
    output=SessionList,
    handler=_handle,
)
