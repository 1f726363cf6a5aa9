"""TLS in a plan: what the named files hold, beside their names, as the engine's `spec/tls.rs` reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from protobalance.config.addresses import UNIX, split_host_port
from protobalance.config.model import Config, Node
from protobalance.config.tls import CertificateFiles, ClusterTls, ListenerTls

Fields = dict[str, Any]


def of_listener(tls: ListenerTls | None, files: Mapping[str, str]) -> Fields | None:
    """TLS with clients."""
    if tls is None:
        return None
    return {
        "certificates": [pair(each, files) for each in tls.certificates],
        "client_ca": _pem(tls.client_ca, files),
        "client_certificates": tls.client_certificates,
        "minimum_version": tls.minimum_version,
        "alpn": tls.alpn,
    }


def of_cluster(tls: ClusterTls | None, files: Mapping[str, str]) -> Fields | None:
    """TLS with nodes."""
    if tls is None:
        return None
    own = own_certificate(tls)
    return {
        "ca": _pem(tls.ca, files),
        "certificate": own and pair(own, files),
        "verify": tls.verify,
    }


def server_name(tls: ClusterTls | None, node: Node) -> str:
    """Whose certificate the node must have; empty without TLS."""
    if tls is None:
        return ""
    if tls.server_name is not None or node.address.startswith(UNIX):
        # A node behind a Unix socket has no name of its own; without `verify` any will do.
        return tls.server_name or "localhost"
    return split_host_port(node.address)[0]


def own_certificate(tls: ClusterTls) -> CertificateFiles | None:
    """What nodes are shown."""
    return CertificateFiles(tls.certificate, tls.key) if tls.certificate and tls.key else None


def pair(named: CertificateFiles, files: Mapping[str, str]) -> Fields:
    """A certificate and its key."""
    return {"certificate": _pem(named.certificate, files), "key": _pem(named.key, files)}


def _pem(file: str | None, files: Mapping[str, str]) -> Fields | None:
    return None if file is None else {"file": file, "pem": files.get(file, "")}


def certificates(config: Config) -> Iterator[tuple[str, CertificateFiles]]:
    """Every certificate with its key, and the key of the configuration that names them."""
    for listener in config.listeners.values():
        for each in listener.tls.certificates if listener.tls else ():
            yield f"listeners.{listener.name}.tls.certificates", each
    for cluster in config.clusters.values():
        if cluster.tls and (own := own_certificate(cluster.tls)):
            yield f"clusters.{cluster.name}.tls.certificate", own


def authorities(config: Config) -> Iterator[tuple[str, str]]:
    """Every file of authorities, and the key of the configuration that names it."""
    for listener in config.listeners.values():
        if listener.tls and listener.tls.client_ca:
            yield f"listeners.{listener.name}.tls.client_ca", listener.tls.client_ca
    for cluster in config.clusters.values():
        if cluster.tls and cluster.tls.ca:
            yield f"clusters.{cluster.name}.tls.ca", cluster.tls.ca
