"""What a request makes of what is in force: a new `InForce`, or a refusal. Changes nothing itself."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from protobalance.config.model import AdminState, Cluster, Config, Listener, Node
from protobalance.control.answers import OverrideNote
from protobalance.control.in_force import InForce
from protobalance.control.overrides import Override, reconcile
from protobalance.control.refusal import Refused, unknown

HIGHEST_WEIGHT = 256  # as in the file

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
    return InForce(config, source, standing), notes


def with_node(  # noqa: PLR0913 - what a node may be set to, and who asks when
    before: InForce,
    cluster_name: str,
    node_name: str,
    *,
    admin_state: str | None,
    weight: int | None,
    clear: bool,
    at: float,
    by: str,
) -> InForce:
    """A node's admin state or weight set at run time, or what was set taken back."""
    cluster, node = find_node(before.config, cluster_name, node_name)
    subject = f"{cluster.name}/{node.name}"
    _check_values(subject, admin_state, weight, clear=clear)
    overrides = before.overrides
    if clear:
        overrides = overrides.without("admin_state", subject).without("weight", subject)
    if admin_state is not None:
        overrides = overrides.with_override(
            Override("admin_state", subject, admin_state, node.admin_state, at, by)
        )
    if weight is not None:
        overrides = overrides.with_override(
            Override("weight", subject, str(weight), str(node.weight), at, by)
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


def _check_values(subject: str, admin_state: str | None, weight: int | None, *, clear: bool) -> None:
    where = f"node {subject}"
    if clear == (admin_state is not None or weight is not None):
        raise Refused(
            "invalid",
            "nothing to set" if not clear else "both to set and to clear",
            where,
            "give a state, a weight, or clear alone",
        )
    states = get_args(AdminState)
    if admin_state is not None and admin_state not in states:
        raise Refused("invalid", f"{admin_state!r} is no admin state", where, f"use {', '.join(states)}")
    if weight is not None and not 0 <= weight <= HIGHEST_WEIGHT:
        raise Refused("invalid", f"weight {weight} is out of range", where, f"use 0 to {HIGHEST_WEIGHT}")


def _needs_restart(started_with: Config, config: Config) -> list[str]:
    return [
        f"{table}.{key} takes effect at the next start"
        for table, key in _AT_START
        if getattr(getattr(started_with, table), key) != getattr(getattr(config, table), key)
    ]


def _without_nodes(after: InForce) -> list[str]:
    fed = {after.cluster_of(listener) for listener in after.config.listeners.values()}
    return [
        f"no node of {cluster.name} takes clients now"
        for cluster in after.config.clusters.values()
        if cluster.name in fed
        and not any(after.admin_state(cluster, node) == "available" for node in cluster.nodes.values())
    ]
