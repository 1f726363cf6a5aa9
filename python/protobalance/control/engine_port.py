"""The one door to the compiled engine. Nothing else imports `protobalance._engine`.

Replies come out decoded, refusals as `Refused`. `EnginePort` is what the control plane needs of an
engine, so that a test can stand in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

import msgspec

from protobalance.control.refusal import Kind, Refused
from protobalance.control.report import DecisionReport, Event, ListeningReport, SessionReport, Snapshot

if TYPE_CHECKING:
    from protobalance._engine import Engine, EngineError

_Arguments = ParamSpec("_Arguments")
_Reply = TypeVar("_Reply")


class CertificateReport(msgspec.Struct, frozen=True):
    """A certificate that could serve."""

    file: str
    names: list[str]
    not_before: int  # seconds since 1970
    not_after: int


class Inspection(msgspec.Struct, frozen=True):
    """What files are worth."""

    problems: list[str]  # one sentence each, beginning with the file's name
    certificates: list[CertificateReport]


def inspect(certificates: Sequence[object], authorities: Sequence[object]) -> Inspection:
    """Look at certificates with their keys, and at files of authorities."""
    from protobalance._engine import inspect as look  # noqa: PLC0415 - only where there is TLS

    question = msgspec.json.encode({"certificates": certificates, "authorities": authorities})
    return msgspec.json.decode(look(question), type=Inspection)


class EnginePort(Protocol):
    """What the control plane needs of an engine; the meaning of each call is in `_engine.pyi`."""

    @property
    def event_fd(self) -> int: ...
    def apply(self, plan: bytes) -> int: ...
    def set_load_ratings(self, cluster: str, ratings: Mapping[str, float]) -> None: ...
    def report_check(self, cluster: str, node: str, failure: str) -> None: ...
    def snapshot(self) -> Snapshot: ...
    def listening_sockets(self) -> list[ListeningReport]: ...
    def sessions(self, listener: str, node: str, client: str, limit: int) -> list[SessionReport]: ...
    def decisions(self, listener: str, client: str, limit: int) -> list[DecisionReport]: ...
    def would_go(self, listener: str, client: str, server_name: str = "") -> DecisionReport: ...
    def take_events(self) -> list[Event]: ...
    def reopen_session_log(self) -> None: ...
    def drain(self) -> None: ...
    def stop(self) -> None: ...


# A listening descriptor that was open before the engine, with the listener that had it; "" if none did.
HandedOver = tuple[str, int]


class EngineFactory(Protocol):
    """Starts an engine: workers, session limit, and the descriptors that become its own."""

    def __call__(self, workers: int, max_sessions: int, handed_over: Sequence[HandedOver]) -> EnginePort: ...


# By the engine's kind of error: ours, whose fault it is, and what to do.
_KINDS: dict[str, tuple[Kind, str]] = {
    "plan": ("invalid", "correct the configuration"),
    # The engine knows better: what to do depends on the reason.
    "bind": ("engine", ""),
    "state": ("engine", ""),
    "log": ("engine", "look at the session log's path and rights"),
    "argument": ("invalid", "correct the argument"),
    "confinement": ("engine", "start it with the rights it is to give up, or leave engine.user out"),
    "stopped": ("stopped", "start the balancer again"),
}


def _refusal(error: EngineError) -> Refused:
    kind, remedy = _KINDS.get(error.kind, ("engine", "look at the log"))
    return Refused(kind, error.message, error.where, remedy)


class CompiledEngine:
    """`EnginePort` over the compiled engine."""

    def __init__(self, engine: Engine, error: type[EngineError]) -> None:
        self._engine = engine
        self._error = error
        self._snapshot = msgspec.json.Decoder(Snapshot)
        self._listening = msgspec.json.Decoder(list[ListeningReport])
        self._sessions = msgspec.json.Decoder(list[SessionReport])
        self._decisions = msgspec.json.Decoder(list[DecisionReport])
        self._decision = msgspec.json.Decoder(DecisionReport)
        self._events = msgspec.json.Decoder(list[Event])

    def _ask(
        self,
        call: Callable[_Arguments, _Reply],
        *arguments: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Reply:
        try:
            return call(*arguments, **named)
        except self._error as error:
            raise _refusal(error) from error

    @property
    def event_fd(self) -> int:
        return self._engine.event_fd

    def apply(self, plan: bytes) -> int:
        return self._ask(self._engine.apply, plan)

    def set_load_ratings(self, cluster: str, ratings: Mapping[str, float]) -> None:
        self._ask(self._engine.set_load_ratings, cluster, dict(ratings))

    def report_check(self, cluster: str, node: str, failure: str) -> None:
        self._ask(self._engine.report_check, cluster, node, failure)

    def snapshot(self) -> Snapshot:
        return self._snapshot.decode(self._ask(self._engine.snapshot))

    def listening_sockets(self) -> list[ListeningReport]:
        return self._listening.decode(self._ask(self._engine.listening_sockets))

    def sessions(self, listener: str, node: str, client: str, limit: int) -> list[SessionReport]:
        return self._sessions.decode(self._ask(self._engine.sessions, listener, node, client, limit))

    def decisions(self, listener: str, client: str, limit: int) -> list[DecisionReport]:
        return self._decisions.decode(self._ask(self._engine.decisions, listener, client, limit))

    def would_go(self, listener: str, client: str, server_name: str = "") -> DecisionReport:
        return self._decision.decode(self._ask(self._engine.would_go, listener, client, server_name))

    def take_events(self) -> list[Event]:
        return self._events.decode(self._ask(self._engine.take_events))

    def reopen_session_log(self) -> None:
        self._ask(self._engine.reopen_session_log)

    def drain(self) -> None:
        self._ask(self._engine.drain)

    def stop(self) -> None:
        self._ask(self._engine.stop)


def load_engine() -> None:
    """Have the compiled module in this process; it starts nothing by itself."""
    import protobalance._engine  # noqa: F401, PLC0415 - a test needs no compiled engine


def confine(request: bytes) -> bytes:
    """Give up for good what the request says; what is in force then."""
    from protobalance._engine import EngineError, confine  # noqa: PLC0415 - a test needs no compiled engine

    try:
        return confine(request)
    except EngineError as error:
        raise _refusal(error) from error


def start_engine(workers: int, max_sessions: int, handed_over: Sequence[HandedOver]) -> EnginePort:
    """Start the compiled engine."""
    from protobalance._engine import Engine, EngineError  # noqa: PLC0415 - a test needs no compiled engine

    try:
        return CompiledEngine(Engine(workers, max_sessions, list(handed_over)), EngineError)
    except EngineError as error:
        raise _refusal(error) from error
