"""Where one measurement happens: a network of its own with its nodes, a system before them, and clients.

Everything is made for one measurement and gone after it: no connection in TIME_WAIT, no table filled and no
memory grown by one system is met by the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.case import MeasureError
from bench.options import Placement
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


@dataclass(frozen=True)
class Shape:
    """An exchange."""

    request: int = 100
    answer: int = 100
    each: int = 0
    """How many a connection has, after which its node closes it; 0: as many as its client likes."""


class _Started(Running):
    """A system that was started as it wants to be."""

    def __init__(self, system: System, setting: Setting, placement: Placement) -> None:
        self._words = list(system.command(setting))
        wish = Wish(setting.listen[-1], setting.nodes, within=placement.on_balancer())
        super().__init__(wish, setting.folder)

    def command(self) -> list[str]:
        return self._words


@dataclass(frozen=True)
class Stage:
    """All of it."""

    setting: Setting
    placement: Placement
    shape: Shape
    network: Namespace
    nodes: Run
    running: Running | None

    def processes(self) -> list[int]:
        """The system's."""
        return self.running.processes() if self.running else []

    def rate(self, *, parallel: int, seconds: float, depth: int = 1) -> Rate:
        """Clients without a pause. `MeasureError` if anything was not as it must be."""
        pids = self.processes()
        before = cpu_seconds(pids)
        with (
            self.network.entered(),
            started_under(
                self.placement.on_load(),
                "rate",
                target=text_of(self.setting.listen[0]),
                ports=len(self.setting.listen),
                parallel=parallel,
                depth=depth,
                request=self.shape.request,
                answer=self.shape.answer,
                each=self.shape.each,
                warm_up_ms=round(seconds * 1000 / 3),
                duration_ms=round(seconds * 1000),
            ) as run,
        ):
            result = run.line()
        if result["errors"]:
            raise MeasureError(
                ", ".join(f"{count} clients: {word}" for word, count in result["errors"].items())
            )
        self.check(pids)
        return Rate(cpu=cpu_seconds(pids) - before, **{name: result[name] for name in Rate.MEASURED})

    def check(self, pids: list[int]) -> None:
        """`MeasureError` if a process has gone, or a node was told nonsense."""
        if self.processes() != pids:
            raise MeasureError("a process of the balancer ended")
        if broken := self.report()["broken"]:
            raise MeasureError(f"{broken} connections were cut off, or brought a node wrong bytes")

    def report(self) -> dict[str, int]:
        """What the nodes have seen."""
        assert self.nodes.child.stdin
        self.nodes.child.stdin.write("\n")
        self.nodes.child.stdin.flush()
        return self.nodes.line()


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

    @property
    def cpu_us_per_exchange(self) -> float:
        return self.cpu * 1e6 / self.total_exchanges

    @property
    def cpu_per_gigabyte(self) -> float:
        return self.cpu * 1e9 / self.total_bytes


@contextmanager
def stage(
    system: System, placement: Placement, shape: Shape, *, nodes: int = 3, listeners: int = 1
) -> Iterator[Stage]:
    """Up, until the `with` ends."""
    with workplace("bench") as folder, namespace() as network:
        network.set("net.ipv4.ip_local_port_range", f"'{CLIENT_PORTS}'")
        # Clients connect faster than TIME_WAIT ends: they may use such a port again after a second.
        network.set("net.ipv4.tcp_tw_reuse", "1")
        with network.entered(), started_under(placement.on_load(), "serve", **_nodes(shape, nodes)) as serve:
            serve.line()
            at = tuple((HOST, NODES + number) for number in range(nodes))
            setting = Setting(folder, _ports(listeners), at, len(placement.balancer))
            running = None
            if system.command(setting):
                running = _Started(system, setting, placement)
            else:
                setting = Setting(folder, at, at, len(placement.balancer))
            try:
                yield Stage(setting, placement, shape, network, serve, running)
            finally:
                if running:
                    running.stop()


def _ports(listeners: int) -> tuple[tuple[str, int], ...]:
    return tuple((HOST, LISTENERS + number) for number in range(listeners))


def _nodes(shape: Shape, count: int) -> dict[str, object]:
    sizes = {"request": shape.request, "answer": shape.answer, "each": shape.each}
    return {"bind": f"{HOST}:{NODES}", "count": count, **sizes}


def setting_for_show() -> Setting:
    """What configurations in the report are written for."""
    at = tuple((HOST, NODES + number) for number in range(3))
    return Setting(Path("/run/bench"), _ports(1), at, 1)
