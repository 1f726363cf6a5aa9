"""A supervisor that answers from memory and notes what it was asked."""

from __future__ import annotations

from typing import cast

from protobalance.config import ConfigError, loads
from protobalance.control.answers import (
    ApplyResult,
    CheckResult,
    ClusterStatus,
    ExplainedDecision,
    Explanation,
    HistoryEntry,
    ListenerStatus,
    NodeChange,
    NodeStatus,
    PlanResult,
    RedirectChange,
    SessionList,
    SessionLogCounts,
    Status,
    UpgradeResult,
    WorkerCounts,
)
from protobalance.control.node_setting import NodeSetting
from protobalance.control.refusal import unknown
from protobalance.control.report import AttemptReport, CandidateReport, DecisionReport, SessionReport
from protobalance.control.supervisor import Supervisor
from protobalance.control.transactions import Transactions

SOUND = """\
[listeners.web]
bind = "127.0.0.1:0"
cluster = "web"
[clusters.web.nodes.a]
address = "127.0.0.1:8001"
"""
NODE = NodeStatus(
    cluster="web",
    name="a",
    address="127.0.0.1:8001",
    file_address="localhost:8001",
    weight=5,
    file_weight=1,
    admin_state="draining",
    file_admin_state="available",
    health="down",
    retry_in_ms=1500,
    down_reason="refused",
    active=2,
    opened=10,
    failed=1,
    bytes_to_node=2048,
    bytes_to_client=5_000_000,
    connect_ms=0.4,
    connection_rate=12.0,
    traffic_rate=100.0,
    load_rating=None,
    removed=False,
)
STATUS = Status(
    version="0.1.0",
    pid=4711,
    uptime_ms=61_000,
    generation=3,
    draining=False,
    source="/etc/protobalance.toml",
    digest="0123456789ab",
    workers=WorkerCounts(2, 2, 2),
    active=2,
    opened=10,
    closed=8,
    max_sessions=1000,
    listeners=[ListenerStatus("web", ["127.0.0.1:8080"], "web", "web", 2, 10, 8, 0, 0, 0, 0)],
    clusters=[ClusterStatus("web", "round-robin", None, [NODE])],
    rating_problems=[],
    name_problems=[],
    limits=[],
    session_log=SessionLogCounts(8, 0),
    warnings=[],
)
SESSION = SessionReport(
    *("192.0.2.7:4000", "web", "web", "a", "talking", 5000, 100, 2048, 5_000_000, 1),
    via="10.0.0.5:700",
    server_name="shop.example.org",
)
DECISION = DecisionReport(
    age_ms=5000,
    client="192.0.2.7",
    listener="web",
    cluster="web",
    policy="round-robin",
    node="a",
    attempts=[AttemptReport("b", "policy", "refused", 1), AttemptReport("a", "next", "", 2)],
    candidates=[CandidateReport("b", 1.0, ""), CandidateReport("c", None, "draining")],
    nodes=4,
)


class FakeSupervisor:
    """The methods that operations call; every call is noted as its name and what came with it."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.changes = 0
        self.failure: Exception | None = None
        self.status_answer = STATUS
        self._transactions = Transactions()

    def _asked(self, *call: object) -> None:
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure

    def status(self) -> Status:
        self._asked("status")
        return self.status_answer

    def sessions(self, listener: str, node: str, client: str, limit: int) -> SessionList:
        self._asked("sessions", listener, node, client, limit)
        return SessionList([SESSION], 2)

    def explain(self, client: str, listener: str, limit: int, *, server_name: str) -> Explanation:
        self._asked("explain", client, listener, limit, server_name)
        return Explanation([ExplainedDecision("b refused, so a", DECISION)], [])

    def history(self, limit: int) -> list[HistoryEntry]:
        self._asked("history", limit)
        return [HistoryEntry(1_700_000_000.0, 3, "node", "web/a", "draining", by="api")]

    def check(self, text: str | None, source: str) -> CheckResult:
        self._asked("check", text, source)
        try:
            loads(text or "", source)
        except ConfigError:
            return CheckResult(ok=False, source=source, problems=[])
        return CheckResult(ok=True, source=source, problems=[])

    def plan(self, text: str | None, source: str) -> PlanResult:
        self._asked("plan", text, source)
        loads(text or "", source)
        return PlanResult(source, 3, [], [], [], 0, 0, [])

    def apply(self, text: str | None, transaction: str | None, *, source: str) -> ApplyResult:
        self._asked("apply", text, source)

        def carry_out() -> ApplyResult:
            loads(text or "", source)
            self.changes += 1
            return ApplyResult(
                source, 3 + self.changes, changed=True, changes=[], overrides=[], impact=[], warnings=[]
            )

        return self._transactions.once(transaction, ("apply", text), carry_out)

    def set_node(self, cluster: str, node: str, wanted: NodeSetting, transaction: str | None) -> NodeChange:
        request = ("set_node", cluster, node, wanted)
        self._asked(*request)
        if (cluster, node) != ("web", "a"):
            raise unknown("node", f"{cluster}/{node}", ["web/a"])

        def carry_out() -> NodeChange:
            self.changes += 1
            state, weight = wanted.admin_state or "available", wanted.weight or 1
            return NodeChange(3 + self.changes, cluster, node, state, "available", weight, 1, [], [])

        return self._transactions.once(transaction, request, carry_out)

    def redirect(self, listener: str, cluster: str | None, transaction: str | None) -> RedirectChange:
        request = ("redirect", listener, cluster)
        self._asked(*request)
        if listener != "web":
            raise unknown("listener", listener, ["web"])

        def carry_out() -> RedirectChange:
            self.changes += 1
            return RedirectChange(3 + self.changes, listener, cluster or "web", "web", [])

        return self._transactions.once(transaction, request, carry_out)

    def upgrade(self, grace: float | None, transaction: str | None) -> UpgradeResult:
        self._asked("upgrade", grace)

        def carry_out() -> UpgradeResult:
            self.changes += 1
            return UpgradeResult("0.1.0", "0.2.0", 4711, 4712, 2, grace)

        return self._transactions.once(transaction, ("upgrade", grace), carry_out)

    def as_supervisor(self) -> Supervisor:
        """Itself, where the type is asked for."""
        return cast(Supervisor, self)
