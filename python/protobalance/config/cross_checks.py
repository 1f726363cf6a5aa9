"""What no key can say alone: names that must exist, choices that exclude each other, ports wanted twice.

One law, one function. Nothing is concluded from a value that was itself found wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from protobalance.config import tls_checks
from protobalance.config.addresses import PortRange, split_bind
from protobalance.config.findings import Findings
from protobalance.config.kinds import nearest
from protobalance.config.model import Cluster, Config, Listener
from protobalance.config.port_checks import (
    data_ports_are_free,
    ftp_fits_protocol,
    ftp_nodes_have_ports,
    ports_are_one_nodes,
)
from protobalance.config.source_checks import sources_fit_nodes
from protobalance.config.writing import Path, write_path, write_text

SOCKET_LIMIT = 16_384  # sockets to listen on, over all workers' sets: the standard descriptor limit is 20,000
RATING_FORMS = ("expression", "function", "agent")


def check(config: Config, findings: Findings) -> None:
    """All of them."""
    _something_to_do(config, findings)
    _group_has_a_user(config, findings)
    _clusters_exist(config, findings)
    for listener in config.listeners.values():
        _headers_are_believed_of_somebody(listener, findings)
        _names_are_read(listener, findings)
    _ports_are_wanted_once(config, findings)
    _sockets_are_bounded(config, findings)
    for listener in config.listeners.values():
        ftp_fits_protocol(listener, findings)
        data_ports_are_free(listener, config, findings)
        ftp_nodes_have_ports(listener, config, findings)
    tls_checks.check(config, findings)
    for cluster in config.clusters.values():
        _nodes_can_be_chosen(cluster, findings)
        _fallbacks_exist(cluster, findings)
        ports_are_one_nodes(cluster, findings)
        sources_fit_nodes(cluster, findings)
        _load_rating_fits_policy(cluster, findings)
        _load_rating_has_one_form(cluster, findings)


def _something_to_do(config: Config, findings: Findings) -> None:
    if not config.listeners and not findings.spoilt("listeners"):
        findings.add(
            ("listeners",), "no listener, expected at least one [listeners.NAME] with bind and cluster"
        )


def _group_has_a_user(config: Config, findings: Findings) -> None:
    if (
        config.engine.group is not None
        and config.engine.user is None
        and not findings.spoilt("engine", "user")
    ):
        findings.add(("engine", "group"), "has no effect without engine.user", at="key")


def _clusters_exist(config: Config, findings: Findings) -> None:
    for listener in config.listeners.values():
        if listener.cluster:
            path = ("listeners", listener.name, "cluster")
            _exists(listener.cluster, config.clusters, path, ("clusters",), findings)
        for name, cluster in listener.server_names.items():
            place: Path = ("listeners", listener.name, "server_names", name)
            _exists(cluster, config.clusters, place, ("clusters",), findings)


def _headers_are_believed_of_somebody(listener: Listener, findings: Findings) -> None:
    path: Path = ("listeners", listener.name)
    if findings.spoilt(*path, "proxy_protocol") or findings.spoilt(*path, "proxy_protocol_from"):
        return
    if listener.proxy_protocol != "off" and not listener.proxy_protocol_from:
        message = f'"{listener.proxy_protocol}" needs proxy_protocol_from: whose headers are believed'
        findings.add((*path, "proxy_protocol"), message)
    elif listener.proxy_protocol == "off" and listener.proxy_protocol_from:
        message = 'proxy_protocol_from has no effect with proxy_protocol "off"'
        findings.add((*path, "proxy_protocol_from"), message, at="key")


def _names_are_read(listener: Listener, findings: Findings) -> None:
    path: Path = ("listeners", listener.name)
    if findings.spoilt(*path, "protocol") or findings.spoilt(*path, "tls"):
        return
    if listener.server_names and listener.protocol != "tls" and listener.tls is None:
        message = 'no names are read here, expected protocol "tls" (TLS passes) or a tls table (it ends here)'
        findings.add((*path, "server_names"), message, at="key")


def _fallbacks_exist(cluster: Cluster, findings: Findings) -> None:
    home: Path = ("clusters", cluster.name, "nodes")
    for node in cluster.nodes.values():
        if findings.spoilt(*home, node.name, "fallbacks"):
            continue  # the places no longer count what was written
        for index, fallback in enumerate(node.fallbacks):
            path = (*home, node.name, "fallbacks", index)
            if fallback == node.name:
                findings.add(path, "a node cannot take over from itself")
            elif fallback in node.fallbacks[:index]:
                findings.add(path, f"{write_text(fallback)} is named twice")
            else:
                _exists(fallback, cluster.nodes.keys() - {node.name}, path, home, findings)


def _exists(name: str, known: Iterable[str], path: Path, home: Path, findings: Findings) -> None:
    names = tuple(sorted(known))
    if name in names or findings.spoilt(*home, name):
        return
    near = nearest(name, names)
    listed = f", expected one of: {', '.join(names)}" if names and not near and len(names) <= 12 else ""
    message = f"there is no [{write_path((*home, name))}]{listed}"
    findings.add(path, message, near and write_text(near))


def _ports_are_wanted_once(config: Config, findings: Findings) -> None:
    """Two listeners on one port would share its clients by chance. An address and its wildcard may both be
    listened on: the kernel gives the client to the more exact one."""
    taken: dict[str, list[tuple[PortRange, str]]] = {}
    for listener in config.listeners.values():
        for ports in map(split_bind, listener.bind):
            others = taken.setdefault(ports.host, [])
            for other, owner in others:
                if ports.overlaps(other):
                    path = ("listeners", listener.name, "bind")
                    findings.add(path, f"{ports} is already bound by {owner} ({other})")
                    break
            others.append((ports, write_path(("listeners", listener.name))))


def _sockets_are_bounded(config: Config, findings: Findings) -> None:
    total = 0
    for listener in config.listeners.values():
        total += sum(ports.last - ports.first + 1 for ports in map(split_bind, listener.bind))
        if total > SOCKET_LIMIT:
            message = f"{total} ports up to here, expected at most {SOCKET_LIMIT} over all listeners"
            findings.add(("listeners", listener.name, "bind"), message)
            return


def _nodes_can_be_chosen(cluster: Cluster, findings: Findings) -> None:
    path: Path = ("clusters", cluster.name, "nodes")
    if findings.spoilt(*path):
        return
    if not cluster.nodes:
        findings.add(path, "no node, expected at least one")
    elif all(node.weight == 0 for node in cluster.nodes.values()):
        message = (
            "every node has weight 0, so none would ever be chosen; expected at least one with 1 or more"
        )
        findings.add(path, message)


def _load_rating_fits_policy(cluster: Cluster, findings: Findings) -> None:
    path: Path = ("clusters", cluster.name)
    if findings.spoilt(*path, "policy") or findings.spoilt(*path, "load_rating"):
        return
    if cluster.policy == "minimum-load" and cluster.load_rating is None:
        forms = ", ".join(RATING_FORMS)
        findings.add((*path, "policy"), f'"minimum-load" needs a load_rating table with one of: {forms}')
    elif cluster.policy != "minimum-load" and cluster.load_rating is not None:
        message = f'load_rating has no effect with policy "{cluster.policy}", expected policy "minimum-load"'
        findings.add((*path, "load_rating"), message, at="key")


def _load_rating_has_one_form(cluster: Cluster, findings: Findings) -> None:
    path: Path = ("clusters", cluster.name, "load_rating")
    rating = cluster.load_rating
    if rating is None or findings.spoilt(*path):
        return
    given = [form for form in RATING_FORMS if getattr(rating, form) is not None]
    if len(given) != 1:
        came = " and ".join(given) if given else "none"
        findings.add(path, f"got {came}, expected exactly one of: {', '.join(RATING_FORMS)}")
