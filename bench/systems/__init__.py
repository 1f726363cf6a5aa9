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

COMPARED: tuple[System, ...] = (
    ProtoBalance(),
    HAProxy(tuned=False),
    HAProxy(tuned=True),
    Nginx(tuned=False),
    Nginx(tuned=True),
    Envoy(tuned=False),
    Envoy(tuned=True),
    Pen(),
    Direct(),
)
"""Unless somebody says otherwise."""
VARIANTS: tuple[System, ...] = (
    ProtoBalance("no-log", log=False),
    ProtoBalance("no-affinity", affinity=False),
    ProtoBalance("bare", log=False, affinity=False),
    ProtoBalance("alone", options=["--alone"]),
    ProtoBalance("no-admin", admin=False),
    ProtoBalance("alone-no-admin", options=["--alone"], admin=False),
)
"""Ours with something left out."""
NOT_QUICK = ("nginx-tuned", "envoy-tuned")


def by_name(against: Path | None = None) -> dict[str, System]:
    """All; with the checkout `against`, if there is one, as `before`."""
    before = () if against is None else (of_checkout(against),)
    return {system.name: system for system in (*COMPARED, *VARIANTS, *before)}
