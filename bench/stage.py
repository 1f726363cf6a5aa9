"""Where measurements happen: a network of its own with its nodes, a system before them, and clients. No
connection in TIME_WAIT and no full table of one system is met by another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.placement import Placement
from bench.sample import MeasureError, Sample
from bench.systems.system import Setting, System
from bench.usage import cpu_seconds
from conformance.system import Running
from conformance.wish import Wish
from peers.namespace import Namespace, namespace
from peers.pbload import Run, started_under
from peers.process import text_of, workplace

HOST = "127.0.0.1"
LISTENERS, NODES = 10_000, 20_000
"""The first ports of ours; those that the kernel chooses for clients are others."""
CLIENT_PORTS = "24000 65535"
ADDRESSES = 1_000
"""Of clients: each connection comes from the next, so affinity has as many to know."""
CONNECT_MS = 0.1
"""That the warm-up is longer for each client, so that all have connected by its end."""


@dataclass(frozen=True)
class Shape:
    """An exchange."""

    request: int = 100
    answer: int = 100
    each: int = 0
    """How many a connection has, after which its node closes it; 0: as many as its client likes."""


@dataclass(frozen=True)
class Size:
    """How many of each."""

    nodes: int = 3
    listeners: int = 1


USUAL = Size()


class Started(Running):
    """A system that was started as it wants to be."""

    def __init__(self, system: System, setting: Setting, placement: Placement) -> None:
        self._words = list(system.command(setting))
        wish = Wish(setting.listen[-1], setting.nodes, within=placement.on_balancer())
        super().__init__(wish, setting.folder)

    def command(self) -> list[str]:
        return self._words


@dataclass(frozen=True)
class Stage:
    """All of it. Nodes that do not stand begin with the load."""

    setting: Setting
    placement: Placement
    shape: Shape
    network: Namespace
    running: Started | None = None
    standing: Nodes | None = None

    def processes(self) -> list[int]:
        """The system's."""
        return self.running.processes() if self.running else []

    @contextmanager
    def started(self, subcommand: str, **options: object) -> Iterator[Run]:
        """The load tool, at its place."""
        with self.network.entered(), started_under(self.placement.on_load(), subcommand, **options) as run:
            yield run

    @contextmanager
    def nodes(self) -> Iterator[Nodes]:
        """The nodes, in a process of their own."""
        with self.started("serve", **self._for_nodes(), **asdict(self.shape)) as run:
            run.line()
            yield Nodes(run)

    def rate(self, *, parallel: int, seconds: float, depth: int = 1) -> Rate:
        """Clients without a pause. `MeasureError` if anything was not as it must be.

        Where the load has cores of its own, clients and nodes are one process that never sleeps.
        """
        pids = self.processes()
        before = cpu_seconds(pids)
        options = {
            "target": text_of(self.setting.listen[0]),
            "addresses": ADDRESSES,
            "ports": len(self.setting.listen),
            "parallel": parallel,
            "depth": depth,
            "warm_up_ms": round(seconds * 1000 / 3 + parallel * CONNECT_MS),
            "duration_ms": round(seconds * 1000),
        }
        with ExitStack() as stack:
            if self.placement.apart:
                options |= {"nodes": len(self.setting.nodes), "bind": text_of(self.setting.nodes[0])}
            else:
                stack.callback(stack.enter_context(self.nodes()).check)
            run = stack.enter_context(self.started("rate", **options, **asdict(self.shape)))
            result = run.line()
        cpu = cpu_seconds(pids) - before
        if result["errors"]:
            raise MeasureError(", ".join(f"{count}x {word}" for word, count in result["errors"].items()))
        if not result["exchanges"]:
            raise MeasureError("nothing was exchanged in the measured time")
        self.check(pids)
        return Rate(cpu=cpu, **{name: result[name] for name in Rate.MEASURED})

    @contextmanager
    def staying(self, connections: int, **options: object) -> Iterator[Run]:
        """So many clients, whose connections stay until the `with` ends."""
        options |= {"target": text_of(self.setting.listen[0]), "addresses": ADDRESSES}
        with self.started("idle", connections=connections, **options, **asdict(self.shape)) as run:
            yield run

    def check(self, pids: list[int]) -> None:
        """`MeasureError` if one of the system's processes has gone, or another has come."""
        if self.processes() != pids:
            raise MeasureError("a process of the balancer ended")

    def _for_nodes(self) -> dict[str, object]:
        return {"bind": text_of(self.setting.nodes[0]), "count": len(self.setting.nodes)}


@dataclass(frozen=True)
class Nodes:
    """All nodes, one process."""

    run: Run

    def report(self) -> dict[str, Any]:
        """What they have seen."""
        self.run.say()
        return self.run.line()

    def check(self) -> None:
        """`MeasureError` if a connection came to them otherwise than it must."""
        if broken := self.report()["broken"]:
            raise MeasureError(f"{broken}x cut off at a node, or wrong bytes")


@dataclass(frozen=True)
class Rate:
    """What came of a rate. Of the measured time, but for the balancer's own: `cpu` and totals are of all."""

    MEASURED = (
        "exchanges_per_second",
        "bytes_per_second",
        "total_exchanges",
        "total_bytes",
        "p50_us",
        "p99_us",
        "p999_us",
    )

    cpu: float
    exchanges_per_second: float
    bytes_per_second: float
    total_exchanges: int
    total_bytes: int
    p50_us: float
    p99_us: float
    p999_us: float

    def sample(self) -> Sample:
        """Of small exchanges; `cpu_us` is for each, and missing where there is no balancer."""
        sample = {"per_second": self.exchanges_per_second} | self.times()
        return sample | ({"cpu_us": self.cpu * 1e6 / self.total_exchanges} if self.cpu else {})

    def times(self) -> Sample:
        """How long exchanges took."""
        return {"p50_us": self.p50_us, "p99_us": self.p99_us, "p999_us": self.p999_us}

    @property
    def cpu_per_gigabyte(self) -> float:
        return self.cpu * 1e9 / self.total_bytes


@contextmanager
def stage(
    system: System,
    placement: Placement,
    shape: Shape,
    size: Size = USUAL,
    *,
    standing: bool = False,
    kind: type[Started] = Started,
) -> Iterator[Stage]:
    """Up, until the `with` ends. `standing`: nodes in a process of their own, before the system."""
    with workplace("bench") as folder, namespace() as network, ExitStack() as stack:
        network.set("net.ipv4.ip_local_port_range", f"'{CLIENT_PORTS}'")
        # Clients connect faster than TIME_WAIT ends: they may use such a port again after a second.
        network.set("net.ipv4.tcp_tw_reuse", "1")
        at = tuple((HOST, NODES + number) for number in range(size.nodes))
        setting = Setting(folder, _ports(size.listeners), at, len(placement.balancer))
        up = Stage(setting, placement, shape, network)
        if standing:
            up = replace(up, standing=stack.enter_context(up.nodes()))
        if system.command(setting):
            with network.entered():
                running = kind(system, setting, placement)
            stack.callback(running.stop)
            yield replace(up, running=running)
        else:
            yield replace(up, setting=replace(setting, listen=at))


def _ports(listeners: int) -> tuple[tuple[str, int], ...]:
    return tuple((HOST, LISTENERS + number) for number in range(listeners))


def setting_for_show() -> Setting:
    """What configurations in the report are written for."""
    at = tuple((HOST, NODES + number) for number in range(3))
    return Setting(Path("/run/bench"), _ports(1), at, 1)
