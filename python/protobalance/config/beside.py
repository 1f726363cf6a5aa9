"""PEM files are named relative to the configuration's file, as `include` is: what runs a balancer, and from
where, changes nothing about what it serves.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from protobalance.config.model import Config
from protobalance.config.tls import CertificateFiles, ClusterTls, ListenerTls


def beside(config: Config, file: str) -> Config:
    """The configuration with the paths of its PEM files made absolute."""
    folder = Path(file).absolute().parent
    listeners = {
        name: replace(listener, tls=_of_listener(listener.tls, folder)) if listener.tls else listener
        for name, listener in config.listeners.items()
    }
    clusters = {
        name: replace(cluster, tls=_of_cluster(cluster.tls, folder)) if cluster.tls else cluster
        for name, cluster in config.clusters.items()
    }
    return replace(config, listeners=listeners, clusters=clusters)


def _of_listener(tls: ListenerTls, folder: Path) -> ListenerTls:
    pairs = tuple(
        CertificateFiles(str(folder / each.certificate), str(folder / each.key)) for each in tls.certificates
    )
    return replace(tls, certificates=pairs, client_ca=_path(tls.client_ca, folder))


def _of_cluster(tls: ClusterTls, folder: Path) -> ClusterTls:
    return replace(
        tls,
        ca=_path(tls.ca, folder),
        certificate=_path(tls.certificate, folder),
        key=_path(tls.key, folder),
    )


def _path(named: str | None, folder: Path) -> str | None:
    return None if named is None else str(folder / named)
