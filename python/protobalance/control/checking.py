"""What `check` answers, offline as of a balancer: whether a configuration is sound, everything that is wrong
with it, and what is probably not meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protobalance.config import Config, ConfigError
from protobalance.config.advice import advise
from protobalance.control import certificates
from protobalance.control.answers import CheckResult
from protobalance.control.answers_of_config import problem


def checked(read: Callable[[], tuple[Config, Sequence[str]]], source: str, now: float) -> CheckResult:
    """`read`: gives the configuration and remarks on its files, or raises `ConfigError`. `source`: what it is
    called. `now`: seconds since 1970, by which certificates are judged.
    """
    try:
        config, remarks = read()
        material = certificates.read(config, source, now)
    except ConfigError as error:
        return CheckResult(ok=False, source=source, problems=[problem(found) for found in error.problems])
    return CheckResult(
        ok=True,
        source=source,
        problems=[],
        listeners=len(config.listeners),
        clusters=len(config.clusters),
        nodes=sum(len(cluster.nodes) for cluster in config.clusters.values()),
        warnings=[*remarks, *advise(config), *material.warnings(now)],
    )
