"""An engine that moves no bytes: it notes what it is told and reports what a test puts into it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from protobalance.control.engine_port import HandedOver
from protobalance.control.refusal import Refused
from protobalance.control.report import (
    ClusterReport,
    DecisionReport,
    Event,
    ListenerReport,
    ListeningReport,
    NodeReport,
    SessionReport,
    Snapshot,
    WorkerReport,
)


class FakeEngine:
    """`EnginePort` from memory. `refuse` is raised by the next `apply`."""

    def __init__(
        self, workers: int = 0, max_sessions: int = 0, handed_over: Sequence[HandedOver] = ()
    ) -> None:
        self.started_with = (workers, max_sessions, tuple(handed_over))
        self.plans: list[dict[str, Any]] = []
        self.ratings: list[tuple[str, dict[str, float]]] = []
        self.checks: list[tuple[str, str, str]] = []
        self.active: dict[str, int] = {}  # by cluster/node
        self.listener_active: dict[str, int] = {}
        self.health: dict[str, str] = {}
        self.events: list[Event] = []
        self.open_sessions: list[SessionReport] = []
        self.recorded: list[DecisionReport] = []
        self.refuse: Refused | None = None
        self.calls: list[str] = []
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def report(self, event: Event) -> None:
        """Let something happen."""
        self.events.append(event)
        os.eventfd_write(self.event_fd, 1)

    @property
    def plan(self) -> dict[str, Any]:
        """The plan in force."""
        return self.plans[-1]

    def node(self, name: str) -> dict[str, Any]:
        """A node of the plan in force, by cluster/node."""
        cluster, _, node = name.partition("/")
        clusters = {each["name"]: each for each in self.plan["clusters"]}
        nodes: dict[str, dict[str, Any]] = {each["name"]: each for each in clusters[cluster]["nodes"]}
        return nodes[node]

    def apply(self, plan: bytes) -> int:
        if self.refuse is not None:
            refusal, self.refuse = self.refuse, None
            raise refusal
        self.plans.append(msgspec.json.decode(plan))
        return len(self.plans)

    def set_load_ratings(self, cluster: str, ratings: Mapping[str, float]) -> None:
        self.ratings.append((cluster, dict(ratings)))

    def report_check(self, cluster: str, node: str, failure: str) -> None:
        self.checks.append((cluster, node, failure))

    def snapshot(self) -> Snapshot:
        listeners = [
            ListenerReport(
                name=listener["name"],
                addresses=list(listener["bind"]),
                cluster=listener["cluster"],
                active=self.listener_active.get(listener["name"], 0),
                opened=0,
                closed=0,
                unserved=0,
                bad_prefaces=0,
                refused=0,
                untracked=0,
            )
            for listener in self.plan["listeners"]
        ]
        clusters = [
            ClusterReport(
                name=cluster["name"],
                policy=cluster["policy"],
                affinity=None,
                nodes=[self._node(cluster["name"], node) for node in cluster["nodes"]],
            )
            for cluster in self.plan["clusters"]
        ]
        return Snapshot(
            generation=len(self.plans),
            uptime_ms=1000,
            active=sum(self.active.values()),
            opened=0,
            closed=0,
            max_sessions=1000,
            log_written=0,
            log_dropped=0,
            workers=[
                WorkerReport(
                    alive=True, active=0, opened=0, buffered_bytes=0, accepting="drain" not in self.calls
                )
            ],
            listeners=listeners,
            clusters=clusters,
        )

    def _node(self, cluster: str, node: dict[str, Any]) -> NodeReport:
        name = f"{cluster}/{node['name']}"
        health = self.health.get(name, "up")
        return NodeReport(
            name=node["name"],
            address=node["address"],
            weight=node["weight"],
            admin_state=node["admin_state"],
            health=health,
            retry_in_ms=0 if health == "up" else 3200,
            active=self.active.get(name, 0),
            opened=0,
            failed=0,
            bytes_to_node=0,
            bytes_to_client=0,
            connect_ms=0.0,
            connection_rate=0.0,
            traffic_rate=0.0,
            load_rating=None,
            removed=False,
        )

    def listening_sockets(self) -> list[ListeningReport]:
        return [
            ListeningReport(listener["name"], address, [self.event_fd])
            for listener in self.plan["listeners"]
            for address in listener["bind"]
            if "drain" not in self.calls
        ]

    def sessions(self, listener: str, node: str, client: str, limit: int) -> list[SessionReport]:
        matching = [
            each
            for each in self.open_sessions
            if listener in ("", each.listener)
            and node in ("", f"{each.cluster}/{each.node}")
            and client in ("", each.client)
        ]
        return matching[:limit]

    def decisions(self, listener: str, client: str, limit: int) -> list[DecisionReport]:
        matching = [
            each for each in self.recorded if listener in ("", each.listener) and client in ("", each.client)
        ]
        return matching[:limit]

    def would_go(self, listener: str, client: str, server_name: str = "") -> DecisionReport:  # noqa: ARG002 - as the engine has it
        clusters = {each["name"]: each["cluster"] for each in self.plan["listeners"]}
        return DecisionReport(
            age_ms=0,
            client=client,
            listener=listener,
            cluster=clusters[listener],
            policy="round-robin",
            node="",
            attempts=[],
            candidates=[],
            nodes=1,
        )

    def take_events(self) -> list[Event]:
        taken, self.events = self.events, []
        if taken:
            os.eventfd_read(self.event_fd)
        return taken

    def reopen_session_log(self) -> None:
        self.calls.append("reopen")

    def drain(self) -> None:
        self.calls.append("drain")

    def stop(self) -> None:
        if "stop" not in self.calls:
            self.calls.append("stop")
            os.close(self.event_fd)
