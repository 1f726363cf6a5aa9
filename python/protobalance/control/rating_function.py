"""Load ratings by a Python function, `module:function`, in a thread of its own.

It is called with one mapping, node name to `NodeStats`, and returns a mapping, node name to a number, lower
being less loaded. It is given the whole cluster because one query usually answers for all nodes. A node
that it leaves out, or maps to `None`, gets no new rating.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from protobalance.control.load_ratings import NodeStats, Rated, failed, finite_number
from protobalance.control.lone_call import LoneCall, Overdue

RatingFunction = Callable[[Mapping[str, NodeStats]], Mapping[str, float | None]]


class FunctionRater:
    """Calls `module:function` in a thread of its own."""

    def __init__(self, cluster: str, source: str, timeout: float) -> None:
        self.source = source
        self._timeout = timeout
        self._call: LoneCall[Rated] = LoneCall(f"load rating of {cluster}")

    async def rate(self, nodes: Mapping[str, NodeStats]) -> Rated:
        given = MappingProxyType(dict(nodes))
        try:
            # What it returns is looked at in its thread too: a mapping may be the operator's own class.
            return await self._call.within(self._timeout, lambda: _checked(_load(self.source)(given), given))
        except Overdue:
            return failed("hangs", f"no answer within {self._timeout:g} s")
        except Exception as error:  # noqa: BLE001 - the function is the operator's and may raise anything
            kind = type(error).__name__
            return failed(f"raised {kind}", f"raised {kind}: {error}")


def _load(source: str) -> RatingFunction:
    """Imported at each call: cheap once loaded, and a module repaired after a failure is found."""
    module, _, name = source.partition(":")
    function: RatingFunction = getattr(importlib.import_module(module), name)
    return function


def _checked(answer: object, nodes: Mapping[str, NodeStats]) -> Rated:
    if not isinstance(answer, Mapping):
        return failed("no mapping", f"returned {_kind(answer)}, expected a mapping of node name to number")
    ratings: dict[str, float] = {}
    problems: dict[str, str] = {}
    for name, value in answer.items():
        if name not in nodes:
            problems[f"unknown {name}"] = f"rated {name!r}, which is no node of the cluster"
        elif value is not None:
            number = finite_number(value)
            if number is None:
                problems[f"nonsense {name}"] = f"rated {name!r} as {_kind(value)}, expected a number from 0"
            else:
                ratings[name] = number
    return Rated(ratings, frozenset(problems), "; ".join(problems.values()))


def _kind(value: object) -> str:
    return repr(value) if value is None or isinstance(value, float) else type(value).__name__
