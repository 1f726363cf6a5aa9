"""Every refusal has one shape and says whose fault it is; a traceback never leaves the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from protobalance.config import ConfigError
from protobalance.config import Problem as ConfigProblem
from protobalance.control import answers_of_config
from protobalance.control.answers import Problem
from protobalance.control.counted import plural
from protobalance.control.refusal import Kind, Refused

Code = Literal["unknown", "invalid", "conflict", "engine", "stopped", "malformed", "too-large", "internal"]


class ErrorAnswer(msgspec.Struct, frozen=True):
    """What was wrong, where, and what to do about it."""

    error: Code
    what: str
    where: str
    hint: str
    problems: list[Problem] = []


STATUS_OF_KIND: dict[Kind, int] = {
    "unknown": 404,
    "invalid": 422,
    "conflict": 409,
    "engine": 409,  # e.g. the port belongs to somebody else: the request stands against the world as it is
    "stopped": 503,
}
assert set(STATUS_OF_KIND) == set(get_args(Kind))  # noqa: S101 - a kind without a status must not start


class Malformed(Exception):  # noqa: N818 - the client's fault, not a failure of ours
    """The request itself is not one: no operation was asked."""

    def __init__(self, what: str, where: str, hint: str, status: int = 400, code: Code = "malformed") -> None:
        super().__init__(what, where, hint)
        self.status = status
        self.answer = ErrorAnswer(code, what, where, hint)


INTERNAL = ErrorAnswer(
    "internal",
    "the balancer failed to answer; traffic is not affected",
    "",
    "its log holds the traceback: please report it",
)


def refusal_of(error: Exception) -> tuple[int, ErrorAnswer]:
    """The HTTP status and the answer for whatever an operation raised."""
    match error:
        case Malformed():
            return error.status, error.answer
        case Refused():
            return STATUS_OF_KIND[error.kind], ErrorAnswer(error.kind, error.what, error.where, error.remedy)
        case ConfigError():
            return 422, _of_config(error.problems)
        case _:
            return 500, INTERNAL


def _of_config(found: Sequence[ConfigProblem]) -> ErrorAnswer:
    return ErrorAnswer(
        "invalid",
        f"the configuration has {plural(len(found), 'error')}",
        found[0].file if found else "",
        "nothing was changed; repair it and try again",
        [answers_of_config.problem(problem) for problem in found],
    )
