"""Where connections to nodes come from must fit the nodes: an address leads to its own family only, and a
Unix-domain socket is reached from none. The rest of what no key can say alone is in `cross_checks.py`.
"""

from __future__ import annotations

from protobalance.config.addresses import UNIX, hostname_of, split_host_port
from protobalance.config.findings import Findings
from protobalance.config.model import Cluster
from protobalance.config.writing import Path, write_text


def sources_fit_nodes(cluster: Cluster, findings: Findings) -> None:
    """One way at a time, and each address of use to some node."""
    path: Path = ("clusters", cluster.name)
    if cluster.transparent and cluster.source_addresses:
        message = "transparent takes the client's address: expected source_addresses or transparent, not both"
        findings.add((*path, "transparent"), message, at="key")
    if cluster.transparent:
        for node in cluster.nodes.values():
            if node.address.startswith(UNIX):
                message = f"node {node.name} is on a Unix socket, which knows no address of a client's"
                findings.add((*path, "transparent"), message)
                break
    if findings.spoilt(*path, "nodes") or findings.spoilt(*path, "source_addresses"):
        return
    families = {_family(node.address) for node in cluster.nodes.values()}
    for index, address in enumerate(cluster.source_addresses):
        place: Path = (*path, "source_addresses", index)
        if address in cluster.source_addresses[:index]:
            findings.add(place, f"{write_text(address)} is named twice")
        elif not {_version(address), 0} & families:
            findings.add(place, f"no node is on IPv{_version(address)}, so nothing could come from {address}")


def _family(address: str) -> int | None:
    """Of a node: 4 or 6; 0 if its name may resolve to either; None if it has none."""
    if address.startswith(UNIX):
        return None
    return 0 if hostname_of(address) else _version(split_host_port(address)[0])


def _version(address: str) -> int:
    return 6 if ":" in address else 4
