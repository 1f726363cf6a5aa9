"""The status as a page: what is wrong first, then listeners, then each cluster's nodes.

Green: takes clients. Yellow: draining. Red: offline or down. What an override changed is shown with the
file's value beside it.
"""

from __future__ import annotations

from protobalance.cli.screen.ink import Ink, harmless
from protobalance.cli.screen.quantities import number, rate, size, span
from protobalance.cli.screen.table import table, too_many, too_narrow
from protobalance.control.answers import ClusterStatus, ListenerStatus, NodeStatus, Status
from protobalance.control.counted import plural

NODE_HEADS = (
    "node", "address", "state", "health", ">weight", ">active", ">opened", ">failed",
    ">new", ">to node", ">to client", ">traffic", ">connect", ">load",
)  # fmt: skip
# What a narrow terminal goes without, first to last: never a node's state, health and open sessions.
SPARE = (
    "connect", "to client", "to node", "opened", "traffic", "new", "address", "load", "weight", "failed",
)  # fmt: skip
LISTENER_HEADS = (
    "listener", "on", "cluster", ">active", ">opened", ">unserved", ">bad preface", ">refused", ">untracked",
)  # fmt: skip


def page(status: Status, ink: Ink) -> list[str]:
    """The lines of the whole page."""
    lines = [_summary(status, ink), *_troubles(status, ink), ""]
    rows = [row for listener in status.listeners for row in _listener(listener)]
    lines += table(LISTENER_HEADS, rows, ink, indent="")
    nodes = {cluster.name: [_node(node, ink) for node in cluster.nodes] for cluster in status.clusters}
    # The same for all clusters, so that they compare.
    gone = too_many(NODE_HEADS, [row for rows in nodes.values() for row in rows], ink, spare=SPARE)
    for cluster in status.clusters:
        lines += ["", _cluster(cluster, ink), *table(NODE_HEADS, nodes[cluster.name], ink, without=gone)]
    return lines + too_narrow(gone, ink)


def _summary(status: Status, ink: Ink) -> str:
    state = ink.yellow("draining") if status.draining else ink.green("running")
    words = [
        f"{ink.bold('protobalance')} {status.version} {state}",
        f"{_pids(status)}, up {span(status.uptime_ms)}",
        f"{plural(status.active, 'session')} of {status.max_sessions}",
        f"generation {status.generation} of {harmless(status.source)} ({status.digest})",
    ]
    return "; ".join(words)


def _pids(status: Status) -> str:
    kept = status.balancer_pid not in (0, status.pid)
    return f"pid {status.pid}, balancer {status.balancer_pid}" if kept else f"pid {status.pid}"


def _troubles(status: Status, ink: Ink) -> list[str]:
    lost = status.workers.configured - status.workers.alive
    troubles = (
        [ink.red(f"! {plural(lost, 'worker')} of {status.workers.configured} lost")] if lost > 0 else []
    )
    troubles += [ink.red(harmless(f"! limit {limit.limit}: {limit.message}")) for limit in status.limits]
    troubles += [
        ink.yellow(harmless(f"! {problem.cluster}: load rating {problem.source}: {problem.message}"))
        for problem in status.rating_problems
    ]
    troubles += [
        ink.yellow(harmless(f"! {problem.cluster}/{problem.node}: name {problem.host}: {problem.message}"))
        for problem in status.name_problems
    ]
    troubles += [
        f"  predecessor {harmless(before.version)} (pid {before.pid}) is ending with its sessions"
        for before in status.predecessors
    ]
    if status.session_log.dropped:
        troubles.append(ink.yellow(f"! session log: {plural(status.session_log.dropped, 'record')} dropped"))
    return troubles + [ink.yellow(harmless(f"! {warning}")) for warning in status.warnings]


def _listener(listener: ListenerStatus) -> list[tuple[str, ...]]:
    """The listener, then the names that lead to clusters of their own."""
    names = [(f"  {harmless(name)}", "", harmless(to)) for name, to in listener.server_names.items()]
    return [_counts(listener), *((*name, *("",) * (len(LISTENER_HEADS) - 3)) for name in names)]


def _counts(listener: ListenerStatus) -> tuple[str, ...]:
    return (
        harmless(listener.name),
        " ".join(listener.addresses),
        _beside(listener.cluster, listener.file_cluster),
        str(listener.active),
        str(listener.opened),
        str(listener.unserved or ""),
        str(listener.bad_prefaces or ""),
        str(listener.refused or ""),
        str(listener.untracked or ""),
    )


def _cluster(cluster: ClusterStatus, ink: Ink) -> str:
    words = f"{ink.bold('cluster ' + harmless(cluster.name))}  {cluster.policy}"
    if cluster.affinity is None:
        return words
    kept = "kept across restarts" if cluster.affinity.persistent else "in memory"
    return f"{words}; affinity: {cluster.affinity.clients} of {cluster.affinity.capacity} clients, {kept}"


def _node(node: NodeStatus, ink: Ink) -> tuple[str, ...]:
    removed = node.removed
    return (
        harmless(node.name),
        harmless(node.address or node.file_address),
        "leaving" if removed else node_state(node, ink),
        "" if removed else node_health(node, ink),
        "" if removed else _beside(str(node.weight), str(node.file_weight)),
        str(node.active),
        str(node.opened),
        str(node.failed or ""),
        rate(node.connection_rate),
        size(node.bytes_to_node),
        size(node.bytes_to_client),
        f"{size(node.traffic_rate)}/s",
        span(node.connect_ms) if node.opened else "",
        "" if node.load_rating is None else number(node.load_rating),
    )


def node_state(node: NodeStatus, ink: Ink) -> str:
    """What the operator wants of it, with the file's word beside it."""
    return in_state_colour(node, ink, _beside(node.admin_state, node.file_admin_state))


def in_state_colour(node: NodeStatus, ink: Ink, words: str) -> str:
    """The words, as green, yellow or red as the node's admin state."""
    colour = {"available": ink.green, "draining": ink.yellow}.get(node.admin_state, ink.red)
    return colour(words)


def node_health(node: NodeStatus, ink: Ink) -> str:
    """What is observed of it, in its colour. One that takes no clients is not tried either."""
    if not node.address:
        return ink.red("unresolved")
    if node.health == "up":
        return ink.green("up")
    reason = f" ({harmless(node.down_reason)})" if node.down_reason else ""
    if node.admin_state != "available":
        return ink.red(f"{node.health}{reason}")
    trial = f"retry in {span(node.retry_in_ms)}" if node.retry_in_ms else "retry is due"
    return ink.red(f"{node.health}{reason}, {trial}")


def _beside(value: str, file_value: str) -> str:
    """The value in force and, where it was overridden, what the file says."""
    value, file_value = harmless(value), harmless(file_value)
    return value if value == file_value else f"{value} (file: {file_value})"
