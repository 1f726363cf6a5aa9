"""What the keys of TLS say to each other. See `cross_checks.py`."""

from __future__ import annotations

from protobalance.config.addresses import UNIX
from protobalance.config.findings import Findings
from protobalance.config.model import Cluster, Config, Listener
from protobalance.config.writing import Path


def check(config: Config, findings: Findings) -> None:
    """All of them."""
    for listener in config.listeners.values():
        _tls_ends_or_passes(listener, findings)
        _ftp_begins_in_the_clear(listener, config, findings)
        _clients_can_be_told(listener, findings)
    for cluster in config.clusters.values():
        _own_certificate_is_whole(cluster, findings)
        _trust_is_one_thing(cluster, findings)
        _nodes_have_names(cluster, findings)


def _tls_ends_or_passes(listener: Listener, findings: Findings) -> None:
    path: Path = ("listeners", listener.name)
    if listener.tls is not None and listener.protocol == "tls" and not findings.spoilt(*path, "protocol"):
        message = '"tls" passes TLS on untouched, and the tls table ends it here: leave one of them out'
        findings.add((*path, "protocol"), message)


def _ftp_begins_in_the_clear(listener: Listener, config: Config, findings: Findings) -> None:
    """Its data connections speak TLS only after the control connection agreed on that (RFC 4217)."""
    path: Path = ("listeners", listener.name)
    if listener.protocol != "ftp" or findings.spoilt(*path):
        return
    cluster = config.clusters.get(listener.cluster)
    if listener.tls is not None:
        message = 'tls does not go with protocol "ftp": FTP begins in the clear, and AUTH TLS passes through'
        findings.add((*path, "tls"), message, at="key")
    elif cluster is not None and cluster.tls is not None:
        message = f'protocol "ftp" needs nodes in the clear, and clusters.{cluster.name} has tls'
        findings.add((*path, "protocol"), message)


def _clients_can_be_told(listener: Listener, findings: Findings) -> None:
    path: Path = ("listeners", listener.name, "tls")
    tls = listener.tls
    if tls is None or findings.spoilt(*path):
        return
    if tls.client_certificates != "off" and tls.client_ca is None:
        message = f'"{tls.client_certificates}" needs client_ca: who signs the clients\' certificates'
        findings.add((*path, "client_certificates"), message)
    elif tls.client_certificates == "off" and tls.client_ca is not None:
        message = 'client_ca has no effect with client_certificates "off", expected "optional" or "required"'
        findings.add((*path, "client_ca"), message, at="key")


def _own_certificate_is_whole(cluster: Cluster, findings: Findings) -> None:
    path: Path = ("clusters", cluster.name, "tls")
    tls = cluster.tls
    if tls is None or findings.spoilt(*path):
        return
    if (tls.certificate is None) != (tls.key is None):
        given, missing = ("key", "certificate") if tls.certificate is None else ("certificate", "key")
        findings.add((*path, given), f"needs {missing} beside it", at="key")


def _trust_is_one_thing(cluster: Cluster, findings: Findings) -> None:
    path: Path = ("clusters", cluster.name, "tls")
    tls = cluster.tls
    if tls is not None and tls.ca is not None and not tls.verify and not findings.spoilt(*path):
        findings.add((*path, "ca"), "ca has no effect with verify = false", at="key")


def _nodes_have_names(cluster: Cluster, findings: Findings) -> None:
    path: Path = ("clusters", cluster.name, "tls")
    tls = cluster.tls
    if tls is None or tls.server_name is not None or not tls.verify or findings.spoilt(*path):
        return
    unnamed = [node.name for node in cluster.nodes.values() if node.address.startswith(UNIX)]
    if unnamed:
        message = f"needs server_name: the Unix sockets of {', '.join(unnamed)} say no name to expect"
        findings.add(path, message, at="key")
