"""What a change does to the sessions that are open now.

Only `offline` ends sessions (law 5). A node that drains, leaves, or moves to another address keeps the
sessions it has until they end by themselves; so does a listener that leaves.
"""

from __future__ import annotations

from collections.abc import Iterator

from protobalance.config.model import Config
from protobalance.control.answers import Impact
from protobalance.control.counted import plural, sessions_go, until_end
from protobalance.control.in_force import InForce
from protobalance.control.report import NodeReport, Snapshot


def impact(before: InForce, after: InForce, snapshot: Snapshot) -> list[Impact]:
    """Per node and listener whose sessions a change from `before` to `after` touches."""
    return [*_nodes(before, after, snapshot), *_listeners(before, after, snapshot)]


def _nodes(before: InForce, after: InForce, snapshot: Snapshot) -> Iterator[Impact]:
    for cluster in snapshot.clusters:
        for report in cluster.nodes:
            if not report.removed and report.active:
                found = _node(before, after, cluster.name, report)
                if found is not None:
                    yield found


def _node(before: InForce, after: InForce, cluster_name: str, report: NodeReport) -> Impact | None:
    subject = f"node {cluster_name}/{report.name}"
    sessions, on = sessions_go(report.active), f"on until {until_end(report.active, by_itself=True)}"
    cluster = after.config.clusters.get(cluster_name)
    node = None if cluster is None else cluster.nodes.get(report.name)
    if cluster is None or node is None:
        return Impact(subject, 0, report.active, f"{subject} leaves; {sessions} {on}")
    state = after.admin_state(cluster, node)
    if state != report.admin_state:
        if state == "offline":
            return Impact(
                subject, report.active, 0, f"{subject} goes offline: ends {plural(report.active, 'session')}"
            )
        if state == "draining":
            return Impact(subject, 0, report.active, f"{subject} drains; {sessions} {on}")
    if _address(before.config, cluster_name, report.name) != node.address:
        here = "where it is" if report.active == 1 else "where they are"
        return Impact(subject, 0, report.active, f"{subject} moves to {node.address}; {sessions} on {here}")
    return None


def _listeners(before: InForce, after: InForce, snapshot: Snapshot) -> Iterator[Impact]:
    for report in snapshot.listeners:
        old = before.config.listeners.get(report.name)
        if old is None or not report.active:
            continue
        subject = f"listener {report.name}"
        sessions = sessions_go(report.active)
        new = after.config.listeners.get(report.name)
        if new is None:
            yield Impact(subject, 0, report.active, f"{subject} closes; {sessions} on")
        elif new.bind != old.bind:
            addresses = ", ".join(new.bind)
            yield Impact(subject, 0, report.active, f"{subject} moves to {addresses}; {sessions} on")
        elif after.cluster_of(new) != before.cluster_of(old):
            nodes = "its node" if report.active == 1 else "their nodes"
            said = f"{subject} feeds {after.cluster_of(new)} from now on; {sessions} on with {nodes}"
            yield Impact(subject, 0, report.active, said)


def _address(config: Config, cluster_name: str, node_name: str) -> str:
    cluster = config.clusters.get(cluster_name)
    node = None if cluster is None else cluster.nodes.get(node_name)
    return "" if node is None else node.address
