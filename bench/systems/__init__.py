"""One system a file, in the configurations that are compared."""

from __future__ import annotations

from pathlib import Path

from bench.systems.direct import Direct
from bench.systems.envoy import Envoy
from bench.systems.haproxy import HAProxy
from bench.systems.nginx import Nginx
from bench.systems.pen import Pen
from bench.systems.protobalance import ProtoBalance, of_checkout
from bench.systems.system import System

SYSTEMS: tuple[System, ...] = (
    ProtoBalance(),
    HAProxy(tuned=False),
    HAProxy(tuned=True),
    Nginx(tuned=False),
    Nginx(tuned=True),
    Envoy(tuned=False),
    Envoy(tuned=True),
    Pen(),
    Direct(),
    ProtoBalance("no-log", log=False),
    ProtoBalance("no-affinity", affinity=False),
    ProtoBalance("bare", log=False, affinity=False),
    ProtoBalance("alone", options=["--alone"]),
    ProtoBalance("no-admin", admin=False),
    ProtoBalance("alone-no-admin", options=["--alone"], admin=False),
)

DEFAULT = (
    "protobalance",
    "haproxy",
    "haproxy-tuned",
    "nginx",
    "nginx-tuned",
    "envoy",
    "envoy-tuned",
    "pen",
    "direct",
)
"""What is compared when nobody says otherwise."""
NOT_QUICK = ("nginx-tuned", "envoy-tuned")


def named(name: str, against: Path | None = None) -> System:
    """One of them; `before` is the checkout `against`. KeyError where there is none."""
    if name == "before" and against is not None:
        return of_checkout(against)
    return {system.name: system for system in SYSTEMS}[name]
