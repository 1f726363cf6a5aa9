"""The whole state at one moment: what the engine counts, beside what the file wishes."""

from __future__ import annotations

import os

import protobalance
from protobalance.config.addresses import hostname_of
from protobalance.control import changes
from protobalance.control.answers import (
    ClusterStatus,
    ListenerStatus,
    NameProblem,
    NodeStatus,
    Predecessor,
    RatingProblem,
    SessionLogCounts,
    Status,
    WorkerCounts,
)
from protobalance.control.engine_events import EngineEvents
from protobalance.control.in_force import InForce
from protobalance.control.names import Names
from protobalance.control.problems import Problems
from protobalance.control.report import ClusterReport, ListenerReport, NodeReport, Snapshot
from protobalance.control.running import Running


def whole(running: Running) -> Status:
    """Everything that `status` answers."""
    around = running.surroundings
    snapshot, in_force, events = running.engine.snapshot(), running.in_force, running.events
    backing = around.bequest.backing
    return Status(
        version=protobalance.__version__,
        pid=backing.keeper_pid or os.getpid(),
        balancer_pid=os.getpid(),
        predecessors=[Predecessor(each.pid, each.version) for each in backing.predecessors],
        uptime_ms=snapshot.uptime_ms,
        generation=snapshot.generation,
        draining=running.draining,
        source=in_force.source,
        digest=in_force.digest(),
        workers=worker_counts(snapshot),
        active=snapshot.active,
        opened=snapshot.opened,
        closed=snapshot.closed,
        max_sessions=snapshot.max_sessions,
        listeners=[listener_status(report, in_force) for report in snapshot.listeners],
        clusters=[cluster_status(report, in_force, events) for report in snapshot.clusters],
        rating_problems=rating_problems(running.rating_problems),
        name_problems=name_problems(in_force, around.names),
        limits=events.limits() + running.source_ports.limits(),
        session_log=SessionLogCounts(snapshot.log_written, snapshot.log_dropped),
        confinement=around.confinement,
        warnings=[
            *changes.warnings(running.started_with, in_force),
            *in_force.material.warnings(around.clock()),
            *(problem.message for problem in running.own_problems.standing().values()),
        ],
    )


def listener_status(report: ListenerReport, in_force: InForce) -> ListenerStatus:
    """One listener. One that left the file and still has sessions has no `file_cluster`."""
    wished = in_force.config.listeners.get(report.name)
    return ListenerStatus(
        name=report.name,
        addresses=report.addresses,
        cluster=report.cluster,
        file_cluster="" if wished is None else wished.cluster,
        active=report.active,
        opened=report.opened,
        closed=report.closed,
        unserved=report.unserved,
        bad_prefaces=report.bad_prefaces,
        server_names=report.server_names,
        refused=report.refused,
        untracked=report.untracked,
    )


def cluster_status(report: ClusterReport, in_force: InForce, events: EngineEvents) -> ClusterStatus:
    """One cluster with its nodes."""
    return ClusterStatus(
        name=report.name,
        policy=report.policy,
        affinity=report.affinity,
        nodes=[_node_status(report.name, node, in_force, events) for node in report.nodes],
    )


def _node_status(
    cluster_name: str, report: NodeReport, in_force: InForce, events: EngineEvents
) -> NodeStatus:
    cluster = in_force.config.clusters.get(cluster_name)
    wished = None if cluster is None or report.removed else cluster.nodes.get(report.name)
    return NodeStatus(
        cluster=cluster_name,
        name=report.name,
        address=report.address,
        file_address="" if wished is None else wished.address,
        weight=report.weight,
        file_weight=0 if wished is None else wished.weight,
        admin_state=report.admin_state,
        file_admin_state="" if wished is None else wished.admin_state,
        health=report.health,
        retry_in_ms=report.retry_in_ms,
        down_reason="" if report.health == "up" else events.down_reason(cluster_name, report.name),
        active=report.active,
        opened=report.opened,
        failed=report.failed,
        bytes_to_node=report.bytes_to_node,
        bytes_to_client=report.bytes_to_client,
        connect_ms=report.connect_ms,
        connection_rate=report.connection_rate,
        traffic_rate=report.traffic_rate,
        load_rating=report.load_rating,
        removed=report.removed,
    )


def worker_counts(snapshot: Snapshot) -> WorkerCounts:
    """How many workers there are, live, and take new sessions."""
    return WorkerCounts(
        configured=len(snapshot.workers),
        alive=sum(worker.alive for worker in snapshot.workers),
        accepting=sum(worker.accepting for worker in snapshot.workers),
    )


def name_problems(in_force: InForce, names: Names) -> list[NameProblem]:
    """The nodes whose names do not resolve now."""
    return [
        NameProblem(cluster.name, node.name, host, message)
        for cluster, node in in_force.nodes()
        if (host := hostname_of(node.address)) and (message := names.problem(host))
    ]


def rating_problems(problems: Problems[tuple[str, str]]) -> list[RatingProblem]:
    """The load ratings that fail now."""
    return [
        RatingProblem(cluster, source, standing.message, standing.since)
        for (cluster, source), standing in problems.standing().items()
    ]
