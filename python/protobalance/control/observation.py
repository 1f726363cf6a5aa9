"""Questions about sessions: which there are, why they went where they went, where one would go now."""

from __future__ import annotations

from typing import NamedTuple

from protobalance.config.addresses import numeric_host
from protobalance.control.answers import ExplainedDecision, Explanation, SessionList
from protobalance.control.changes import find_listener, find_node
from protobalance.control.counted import span
from protobalance.control.engine_events import EngineEvents
from protobalance.control.engine_port import EnginePort
from protobalance.control.explain import NodeKey, forecast, sentence
from protobalance.control.in_force import InForce
from protobalance.control.refusal import Refused
from protobalance.control.report import NodeReport, Snapshot


class Asked(NamedTuple):
    """Whose way is to be explained; what is empty matches all."""

    client: str
    listener: str
    server_name: str  # for where it would go now


def sessions(
    engine: EnginePort, in_force: InForce, *, listener: str, node: str, client: str, limit: int
) -> SessionList:
    """The open sessions that match, longest-lived first; what is empty matches all."""
    snapshot = engine.snapshot()
    _check_listener(in_force, snapshot, listener)
    _check_node(in_force, snapshot, node)
    found = engine.sessions(listener, node, _client(client), limit)
    found.sort(key=lambda session: -session.age_ms)  # each worker answered for itself
    return SessionList(found[:limit], snapshot.active)


def explain(
    engine: EnginePort,
    in_force: InForce,
    events: EngineEvents,
    asked: Asked,
    limit: int,
) -> Explanation:
    """Recorded decisions, newest first; and for one client, where it would go now."""
    snapshot = engine.snapshot()
    _check_listener(in_force, snapshot, asked.listener)
    address = _client(asked.client)
    recorded = engine.decisions(asked.listener, address, limit)[:limit]
    listeners = _where_it_would_go(in_force, asked) if address else []
    now = [engine.would_go(name, address, asked.server_name) for name in listeners]
    down = _down_now(snapshot, events)
    return Explanation(
        recorded=[ExplainedDecision(sentence(decision), decision) for decision in recorded],
        now=[ExplainedDecision(forecast(each, down), each) for each in now],
    )


def _where_it_would_go(in_force: InForce, asked: Asked) -> list[str]:
    """Through one listener or all; who asks for a name, through those that read it."""
    listeners = [each for each in in_force.config.listeners.values() if asked.listener in ("", each.name)]
    if not asked.server_name:
        return [each.name for each in listeners]
    reading = [each.name for each in listeners if each.protocol == "tls" or each.tls is not None]
    if not reading:
        whole = f"listener {asked.listener} reads no" if asked.listener else "no listener reads"
        said = f"{whole} server names"
        raise Refused("invalid", said, "server_name", 'names are read with protocol "tls" or a tls table')
    return reading


def _client(text: str) -> str:
    if not text:
        return ""
    address = numeric_host(text)
    if address is None:
        raise Refused("invalid", f"{text!r} is no numeric address", "client", "give an IPv4 or IPv6 address")
    return address


def _check_listener(in_force: InForce, snapshot: Snapshot, name: str) -> None:
    # One that left the file may still have sessions to be asked for.
    if name and all(report.name != name for report in snapshot.listeners):
        find_listener(in_force.config, name)


def _check_node(in_force: InForce, snapshot: Snapshot, name: str) -> None:
    known = {f"{cluster.name}/{node.name}" for cluster in snapshot.clusters for node in cluster.nodes}
    if name and name not in known:
        cluster, slash, node = name.partition("/")
        if not slash:
            raise Refused("invalid", f"{name!r} is no node", "node", "write it as CLUSTER/NODE")
        find_node(in_force.config, cluster, node)


def _down_now(snapshot: Snapshot, events: EngineEvents) -> dict[NodeKey, str]:
    return {
        (cluster.name, node.name): _said_of(node, events.down_reason(cluster.name, node.name))
        for cluster in snapshot.clusters
        for node in cluster.nodes
        if node.health == "down"
    }


def _said_of(node: NodeReport, reason: str) -> str:
    why = f": {reason}" if reason else ""
    return f"down{why}, next trial in {span(node.retry_in_ms)}"
