"""The plan: the configuration as the engine is to carry it out, whole. Field by field what
`crates/engine/src/spec.rs` reads: milliseconds, numeric addresses, no default left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from protobalance.config import plan_tls
from protobalance.config.addresses import bracketed, hostname_of, parse_ports, split_host_port
from protobalance.config.model import AdminState, Affinity, Cluster, Config, Ftp, Listener, Node
from protobalance.config.quantities import to_milliseconds

Fields = dict[str, Any]


def compile_plan(
    config: Config,
    *,
    redirects: Mapping[str, str] = {},
    admin_states: Mapping[str, AdminState] = {},
    weights: Mapping[str, int] = {},
    addresses: Mapping[str, Sequence[str]] = {},
    files: Mapping[str, str] = {},
) -> bytes:
    """The plan as JSON. `redirects`: cluster by listener. `admin_states` and `weights`: by "cluster/node".
    `addresses`: what host names resolved to, numeric; a name that is missing or has none leaves its node
    without an address. `files`: what the files of certificates and keys hold. Overrides of what the
    configuration does not have count for nothing."""
    plan = {
        "listeners": [_listener(listener, redirects, files) for listener in config.listeners.values()],
        "clusters": [
            _cluster(cluster, config.engine.state_dir)
            | {
                "tls": plan_tls.of_cluster(cluster.tls, files),
                "nodes": [
                    _node(cluster, node, admin_states, weights, addresses) for node in cluster.nodes.values()
                ],
            }
            for cluster in config.clusters.values()
        ],
        "session_log": {"target": config.log.sessions, "format": config.log.format},
    }
    return msgspec.json.encode(plan)


def hostnames(cluster: Cluster) -> frozenset[str]:
    """The names in a cluster that `addresses` must resolve."""
    return frozenset(filter(None, (hostname_of(node.address) for node in cluster.nodes.values())))


def _listener(listener: Listener, redirects: Mapping[str, str], files: Mapping[str, str]) -> Fields:
    return {
        "name": listener.name,
        "bind": listener.bind,
        "cluster": redirects.get(listener.name, listener.cluster),
        "ftp": _ftp(listener.ftp) if listener.ftp and listener.protocol == "ftp" else None,
        "idle_timeout_ms": to_milliseconds(listener.idle_timeout),
        "first_byte_timeout_ms": to_milliseconds(listener.first_byte_timeout),
        "half_close_timeout_ms": to_milliseconds(listener.half_close_timeout),
        "max_sessions": listener.max_sessions,
        "max_sessions_per_client": listener.max_sessions_per_client,
        "new_sessions_per_second_per_client": listener.new_sessions_per_second_per_client,
        "new_session_burst_per_client": listener.new_session_burst_per_client,
        "new_sessions_per_second": listener.new_sessions_per_second,
        "backlog": listener.backlog,
        "keepalive_ms": to_milliseconds(listener.keepalive),
        "user_timeout_ms": to_milliseconds(listener.user_timeout),
        "preface": _preface(listener),
        "server_names": listener.server_names,
        "tls": plan_tls.of_listener(listener.tls, files),
    }


def _preface(listener: Listener) -> Fields | None:
    """What is read before a node is chosen."""
    if listener.proxy_protocol == "off" and listener.protocol != "tls" and listener.tls is None:
        return None
    return {
        "timeout_ms": to_milliseconds(listener.preface_timeout),
        "proxy_protocol": listener.proxy_protocol,
        "proxy_protocol_from": listener.proxy_protocol_from,
        "client_hello": listener.protocol == "tls" or bool(listener.server_names),
    }


def _ftp(ftp: Ftp) -> Fields:
    first, last = parse_ports(ftp.data_ports)
    return {
        "first_port": first,
        "last_port": last,
        "public_address": ftp.public_address or "",
        "data_timeout_ms": to_milliseconds(ftp.data_timeout),
    }


def _cluster(cluster: Cluster, state_dir: str | None) -> Fields:
    rating = cluster.load_rating
    return {
        "name": cluster.name,
        "policy": cluster.policy,
        # The name, so that balancers with the same file agree without being told.
        "hash_key": cluster.hash_key or cluster.name,
        "load_expression": (rating and rating.expression) or "",
        "rating_ttl_ms": to_milliseconds(rating.ttl) if rating else 0,
        "rate_window_ms": to_milliseconds(cluster.rate_window),
        "connect_timeout_ms": to_milliseconds(cluster.connect_timeout),
        "failover_timeout_ms": to_milliseconds(cluster.failover_timeout),
        "retry_interval_ms": to_milliseconds(cluster.retry_interval),
        "early_close_window_ms": to_milliseconds(cluster.early_close_window),
        "first_contact_pause_ms": to_milliseconds(cluster.first_contact_pause),
        "source_addresses": cluster.source_addresses,
        "transparent": cluster.transparent,
        "replay_unanswered": cluster.replay_unanswered,
        "send_proxy_protocol": {"off": None, "v1": 1, "v2": 2}[cluster.send_proxy_protocol],
        "affinity": _affinity(cluster.affinity, affinity_path(state_dir, cluster))
        if cluster.affinity
        else None,
    }


def affinity_path(state_dir: str | None, cluster: Cluster) -> str:
    """The file that keeps a cluster's affinity; empty where nothing is kept."""
    return f"{state_dir.rstrip('/')}/affinity-{cluster.name}.table" if state_dir else ""


def _affinity(affinity: Affinity, path: str) -> Fields:
    return {
        "idle_ms": to_milliseconds(affinity.idle),
        "capacity": affinity.capacity,
        "prefix_v4": affinity.prefix_v4,
        "prefix_v6": affinity.prefix_v6,
        "on_failover": affinity.on_failover,
        "path": path,
    }


def _node(
    cluster: Cluster,
    node: Node,
    admin_states: Mapping[str, AdminState],
    weights: Mapping[str, int],
    addresses: Mapping[str, Sequence[str]],
) -> Fields:
    key = f"{cluster.name}/{node.name}"
    return {
        "name": node.name,
        "address": numeric_address(node.address, addresses),
        "weight": weights.get(key, node.weight),
        "fallbacks": node.fallbacks,
        "admin_state": admin_states.get(key, node.admin_state),
        "max_sessions": node.max_sessions,
        "ports": [parse_ports(node.ports)] if node.ports else [],
        "server_name": plan_tls.server_name(cluster.tls, node),
    }


def numeric_address(address: str, addresses: Mapping[str, Sequence[str]]) -> str:
    """A node's address with its name replaced by the first address it resolved to; empty if there is none."""
    host = hostname_of(address)
    if host is None:
        return address
    resolved = addresses.get(host)
    return f"{bracketed(resolved[0])}:{split_host_port(address)[1]}" if resolved else ""
