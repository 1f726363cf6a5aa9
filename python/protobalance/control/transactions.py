"""A change asked for twice under one transaction id happens once, and is answered the same both times.

So a client that lost an answer can ask again, on any schedule. Only answers are remembered: a refusal
changed nothing, and may be asked anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import msgspec

from protobalance.control.refusal import Refused

_Answer = TypeVar("_Answer", bound=msgspec.Struct)

REMEMBERED = 1024  # ids; a client retries for minutes, not for a thousand changes


class Transactions:
    """Answers by transaction id, the oldest forgotten first."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._answers: OrderedDict[str, tuple[tuple[object, ...], msgspec.Struct]] = OrderedDict()
        self._remembered = remembered

    def once(
        self, transaction: str | None, request: tuple[object, ...], carry_out: Callable[[], _Answer]
    ) -> _Answer:
        """The first answer to `request` under this id, or that of `carry_out` now.

        Answers need the fields `transaction` and `replayed`. One id for two requests is refused.
        """
        if not transaction:
            return carry_out()
        known = self._answers.get(transaction)
        if known is None:
            answer = msgspec.structs.replace(carry_out(), transaction=transaction)
            self._answers[transaction] = (request, answer)
            while len(self._answers) > self._remembered:
                self._answers.popitem(last=False)
            return answer
        first_request, first_answer = known
        if first_request != request:
            raise Refused(
                "conflict",
                "this transaction id was used for another request",
                f"transaction {transaction}",
                "use a new id for a new request",
            )
        # The request's first part names the operation, so the answer's type is the same as before.
        return msgspec.structs.replace(first_answer, replayed=True)  # type: ignore[return-value]  # see above
