"""What a configuration wants to go on by itself. Nothing of it is needed for traffic; without any of it, and
without an admin interface, a balancer needs no event loop.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from protobalance.config import plan_tls
from protobalance.config.model import Check, Config, LoadRating
from protobalance.config.plan import hostnames


class Names(msgspec.Struct, frozen=True):
    """A cluster's names are to be resolved again and again."""

    cluster: str
    interval: float


class Rate(msgspec.Struct, frozen=True):
    """A cluster's nodes are to be rated."""

    cluster: str
    settings: LoadRating


class Checks(msgspec.Struct, frozen=True):
    """A cluster's nodes are to be checked."""

    cluster: str
    settings: Check


class Certificates(msgspec.Struct, frozen=True):
    """The files of certificates are to be looked at, wherever they are used."""


Chore = Names | Rate | Checks | Certificates


def chores(config: Config) -> Iterator[Chore]:
    """What `config` wants to go on by itself."""
    if any(True for _ in (*plan_tls.certificates(config), *plan_tls.authorities(config))):
        yield Certificates()
    for cluster in config.clusters.values():
        if hostnames(cluster):
            yield Names(cluster.name, cluster.resolve_interval)
        if cluster.load_rating is not None and cluster.load_rating.expression is None:
            yield Rate(cluster.name, cluster.load_rating)
        if cluster.check is not None:
            yield Checks(cluster.name, cluster.check)
