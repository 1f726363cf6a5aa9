"""Load ratings from outside the engine: a Python function per cluster, or an agent per node.

A rating is advice. One that fails, hangs or says nonsense harms no connection: the last value stays in
force until `ttl`, and the failure is reported by name, once, until it is another failure or none.

A function is called with one mapping, node name to `NodeStats`, and returns a mapping, node name to a
number, lower being less loaded. It is given the whole cluster because one query usually answers for all
nodes. A node that it leaves out, or maps to `None`, gets no new rating.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec

from protobalance.config.addresses import UNIX, bracketed, split_host_port
from protobalance.config.model import LoadRating
from protobalance.control.agents import BadAnswer, ask, finite_number
from protobalance.control.lone_call import LoneCall, Overdue
from protobalance.control.report import NodeReport


class NodeStats(msgspec.Struct, frozen=True):
    """What a rating function is told of one node."""

    name: str
    address: str
    weight: int
    admin_state: str
    health: str  # "up" or "down"
    active: int  # sessions now
    opened: int  # sessions ever, since the balancer's start
    failed: int
    bytes_to_node: int
    bytes_to_client: int
    connect_ms: float  # time to connect, averaged over about the last eight
    connection_rate: float  # new sessions per second, decayed
    traffic_rate: float  # bytes per second in both directions, decayed

    @classmethod
    def of(cls, report: NodeReport) -> NodeStats:
        """The same, from the engine's report."""
        return cls(*(getattr(report, name) for name in cls.__struct_fields__))


RatingFunction = Callable[[Mapping[str, NodeStats]], Mapping[str, float | None]]


class Rated(msgspec.Struct, frozen=True):
    """One round's outcome. `kinds` tells one failure from another without the words that vary."""

    ratings: dict[str, float] = {}
    kinds: frozenset[str] = frozenset()
    message: str = ""


class Rater(Protocol):
    """Where a cluster's ratings come from."""

    source: str

    async def rate(self, nodes: Mapping[str, NodeStats]) -> Rated:
        """One round; never raises but for cancellation."""


def rater(cluster: str, settings: LoadRating) -> Rater | None:
    """The rater for a cluster's settings; `None` where the engine evaluates an expression itself."""
    if settings.function is not None:
        return FunctionRater(cluster, settings.function, settings.timeout)
    if settings.agent is not None:
        return AgentRater(settings.agent, settings.timeout)
    return None


class FunctionRater:
    """Calls `module:function` in a thread of its own."""

    def __init__(self, cluster: str, source: str, timeout: float) -> None:
        self.source = source
        self._timeout = timeout
        self._call: LoneCall[object] = LoneCall(f"load rating of {cluster}")

    async def rate(self, nodes: Mapping[str, NodeStats]) -> Rated:
        given = MappingProxyType(dict(nodes))
        try:
            answer = await self._call.within(self._timeout, lambda: _load(self.source)(given))
        except Overdue:
            return _failed("hangs", f"no answer within {self._timeout:g} s")
        except Exception as error:  # noqa: BLE001 - the function is the operator's and may raise anything
            kind = type(error).__name__
            return _failed(f"raised {kind}", f"raised {kind}: {error}")
        return _checked(answer, nodes)


def _load(source: str) -> RatingFunction:
    """Imported at each call: cheap once loaded, and a module repaired after a failure is found."""
    module, _, name = source.partition(":")
    function: RatingFunction = getattr(importlib.import_module(module), name)
    return function


def _checked(answer: object, nodes: Mapping[str, NodeStats]) -> Rated:
    if not isinstance(answer, Mapping):
        return _failed("no mapping", f"returned {_kind(answer)}, expected a mapping of node name to number")
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


def _failed(kind: str, message: str) -> Rated:
    return Rated({}, frozenset({kind}), message)


class AgentRater:
    """Asks the agent beside each node, all at once."""

    def __init__(self, template: str, timeout: float) -> None:
        self.source = template
        self._timeout = timeout

    async def rate(self, nodes: Mapping[str, NodeStats]) -> Rated:
        import asyncio  # noqa: PLC0415 - after the data plane

        names = [name for name, stats in nodes.items() if stats.address]
        answers = await asyncio.gather(*(self._ask(nodes[name]) for name in names))
        ratings: dict[str, float] = {}
        problems: dict[str, str] = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, float):
                ratings[name] = answer
            else:
                kind, message = answer
                problems[f"{name} {kind}"] = f"{name}: {message}"
        return Rated(ratings, frozenset(problems), "; ".join(problems.values()))

    async def _ask(self, node: NodeStats) -> float | tuple[str, str]:
        import asyncio  # noqa: PLC0415

        try:
            async with asyncio.timeout(self._timeout):
                return await ask(agent_url(self.source, node.address))
        except TimeoutError:
            return "hangs", f"no answer within {self._timeout:g} s"
        except BadAnswer as error:
            return "nonsense", str(error)
        except OSError as error:
            return "unreachable", error.strerror or str(error) or type(error).__name__
        except ValueError as error:
            return "invalid", f"{self.source} is no URL to ask: {error}"


def agent_url(template: str, address: str) -> str:
    """The agent's URL beside a node: `{host}` is the node's host; a Unix socket's is this machine."""
    host = "127.0.0.1" if address.startswith(UNIX) else split_host_port(address)[0]
    return template.replace("{host}", bracketed(host))
