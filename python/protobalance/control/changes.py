"""What a request makes of what is in force: a new `InForce`, or a refusal. Changes nothing itself."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from protobalance.config.model import Cluster, Config, EngineConfig, Listener, Node
from protobalance.control.answers import OverrideNote
from protobalance.control.in_force import InForce
from protobalance.control.node_setting import NodeSetting
from protobalance.control.obstacle import obstacle
from protobalance.control.overrides import Override, reconcile
from protobalance.control.refusal import unknown

# What a running engine cannot change.
_AT_START: tuple[tuple[str, str], ...] = (
    ("engine", "workers"),
    ("engine", "max_sessions"),
    ("engine", "state_dir"),
    ("engine", "user"),
    ("engine", "group"),
    ("engine", "confine"),
    ("admin", "socket"),
)


def with_config(before: InForce, config: Config, source: str) -> tuple[InForce, list[OverrideNote]]:
    """Another configuration; the overrides that it leaves standing stay on top."""
    standing, notes = reconcile(before.overrides, config)
    return replace(before, config=config, source=source, overrides=standing), notes


def with_node(
    before: InForce, cluster_name: str, node_name: str, wanted: NodeSetting, *, at: float, by: str
) -> InForce:
    """A node's admin state or weight set at run time, or what was set taken back."""
    cluster, node = find_node(before.config, cluster_name, node_name)
    subject = f"{cluster.name}/{node.name}"
    wanted.check(subject)
    overrides = before.overrides
    if wanted.clear:
        overrides = overrides.without("admin_state", subject).without("weight", subject)
    if wanted.admin_state is not None:
        overrides = overrides.with_override(
            Override("admin_state", subject, wanted.admin_state, node.admin_state, at, by)
        )
    if wanted.weight is not None:
        overrides = overrides.with_override(
            Override("weight", subject, str(wanted.weight), str(node.weight), at, by)
        )
    return replace(before, overrides=overrides)


def with_redirect(before: InForce, listener_name: str, to: str | None, *, at: float, by: str) -> InForce:
    """A listener that feeds another cluster from now on; `None`: the file's again."""
    listener = find_listener(before.config, listener_name)
    if to is None:
        return replace(before, overrides=before.overrides.without("cluster", listener.name))
    find_cluster(before.config, to)
    override = Override("cluster", listener.name, to, listener.cluster, at, by)
    return replace(before, overrides=before.overrides.with_override(override))


def find_cluster(config: Config, name: str) -> Cluster:
    """The cluster, or a refusal that names the nearest."""
    if name not in config.clusters:
        raise unknown("cluster", name, config.clusters)
    return config.clusters[name]


def find_node(config: Config, cluster_name: str, node_name: str) -> tuple[Cluster, Node]:
    """The node with its cluster, or a refusal that names the nearest."""
    cluster = find_cluster(config, cluster_name)
    if node_name not in cluster.nodes:
        near = (f"{cluster.name}/{name}" for name in cluster.nodes)
        raise unknown("node", f"{cluster.name}/{node_name}", near)
    return cluster, cluster.nodes[node_name]


def find_listener(config: Config, name: str) -> Listener:
    """The listener, or a refusal that names the nearest."""
    if name not in config.listeners:
        raise unknown("listener", name, config.listeners)
    return config.listeners[name]


def warnings(started_with: Config, after: InForce) -> list[str]:
    """What an operator should know before or after the change, without it being refused."""
    return [*_needs_restart(started_with, after.config), *_without_nodes(after)]


def _needs_restart(started_with: Config, config: Config) -> list[str]:
    return [
        f"{table}.{key} takes effect at the next start{_foreseen(key, config.engine)}"
        for table, key in _AT_START
        if getattr(getattr(started_with, table), key) != getattr(getattr(config, table), key)
    ]


def _foreseen(key: str, wished: EngineConfig) -> str:
    """What stands against that start. Who will be another user by then may have other rights."""
    if key != "state_dir" or wished.state_dir is None:
        return ""
    seen = obstacle(Path(wished.state_dir), rights=wished.user is None)
    return f", which would be refused: {seen}" if seen else ""


def _without_nodes(after: InForce) -> list[str]:
    fed = {after.cluster_of(listener) for listener in after.config.listeners.values()}
    return [
        f"no node of {cluster.name} takes clients now"
        for cluster in after.config.clusters.values()
        if cluster.name in fed
        and not any(after.admin_state(cluster, node) == "available" for node in cluster.nodes.values())
    ]
