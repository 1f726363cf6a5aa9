"""`explain`: why clients went where they went, from the engine's own records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from protobalance.api.operation import Operation, Question
from protobalance.control.answers import Explanation

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

LIMIT = 10
MOST = 1000


class ExplainQuestion(Question, frozen=True):
    """What is empty matches all; only for a `client` can be said where it would go now."""

    client: str = ""
    listener: str = ""
    server_name: str = ""  # what it asks for in its TLS ClientHello
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = LIMIT


def _handle(supervisor: Supervisor, question: ExplainQuestion) -> Explanation:
    return supervisor.explain(
        question.client, question.listener, question.limit, server_name=question.server_name
    )


OPERATION = Operation(
    name="explain",
    summary="Why sessions went where they went, and where a client would go now",
    input=ExplainQuestion,
    output=Explanation,
    handler=_handle,
)
