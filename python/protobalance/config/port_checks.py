"""What ports must be that lead somewhere: the nodes' own, and those at which FTP's data connections are
awaited. The rest of what no key can say alone is in `cross_checks.py`.
"""

from __future__ import annotations

from protobalance.config.addresses import UNIX, parse_ports, split_bind
from protobalance.config.findings import Findings
from protobalance.config.model import Cluster, Config, Listener
from protobalance.config.writing import Path, write_path


def ports_are_one_nodes(cluster: Cluster, findings: Findings) -> None:
    """A port leads to one node; and there is no port in a file system."""
    taken: list[tuple[int, int, str]] = []
    for node in cluster.nodes.values():
        path: Path = ("clusters", cluster.name, "nodes", node.name, "ports")
        if node.ports is None:
            continue
        if node.address.startswith(UNIX):
            findings.add(path, "a node on a Unix socket has no ports", at="key")
        first, last = parse_ports(node.ports)
        other = next((name for low, high, name in taken if low <= last and first <= high), None)
        if other is not None:
            findings.add(path, f"{node.ports} overlaps the ports of node {other}; a port leads to one node")
        taken.append((first, last, node.name))


def ftp_fits_protocol(listener: Listener, findings: Findings) -> None:
    """One goes with the other; and who connects for data must be who is known to ask for it."""
    path: Path = ("listeners", listener.name)
    if listener.protocol == "ftp" and listener.proxy_protocol != "off":
        message = 'proxy_protocol does not go with protocol "ftp": data connections come without a header'
        findings.add((*path, "proxy_protocol"), message, at="key")
    if findings.spoilt(*path, "protocol") or findings.spoilt(*path, "ftp"):
        return
    if listener.protocol == "ftp" and listener.ftp is None:
        findings.add((*path, "protocol"), '"ftp" needs an ftp table with data_ports')
    elif listener.protocol != "ftp" and listener.ftp is not None:
        message = f'ftp has no effect with protocol "{listener.protocol}", expected protocol "ftp"'
        findings.add((*path, "ftp"), message, at="key")


def data_ports_are_free(listener: Listener, config: Config, findings: Findings) -> None:
    """A port that a listener binds can never be one where a data connection is awaited."""
    if listener.ftp is None or not listener.ftp.data_ports:
        return
    first, last = parse_ports(listener.ftp.data_ports)
    for other in config.listeners.values():
        for bound in map(split_bind, other.bind):
            if bound.first <= last and first <= bound.last:
                path: Path = ("listeners", listener.name, "ftp", "data_ports")
                owner = write_path(("listeners", other.name))
                findings.add(path, f"{listener.ftp.data_ports} overlaps {bound}, which {owner} binds")
                return


def ftp_nodes_have_ports(listener: Listener, config: Config, findings: Findings) -> None:
    """A node on a Unix socket names no port that anyone could be led to."""
    cluster = config.clusters.get(listener.cluster)
    if listener.protocol != "ftp" or cluster is None:
        return
    for node in cluster.nodes.values():
        if node.address.startswith(UNIX):
            path: Path = ("listeners", listener.name, "protocol")
            where = write_path(("clusters", cluster.name, "nodes", node.name))
            findings.add(path, f'"ftp" needs nodes with ports, and {where} is on a Unix socket')
            return
