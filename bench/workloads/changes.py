"""Changes of one node each, over the admin socket as an operator makes them, beside thousands of nodes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.case import Case, Metric, Workload
from bench.options import Options
from bench.placement import Placement
from bench.sample import MeasureError, Sample
from bench.stage import Shape, Stage, stage
from bench.systems.protobalance import ProtoBalance
from bench.systems.system import Setting
from bench.usage import cpu_seconds
from peers.process import wait_until
from protobalance.api.operations.set_node import OPERATION, SetNodeOrder
from protobalance.cli.client import Client
from protobalance.cli.failure import CommandFailed


class Crowded(ProtoBalance):
    """Ours with a second cluster, of so many nodes."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.nodes = nodes

    def configuration(self, setting: Setting) -> str:
        more = "".join(
            f'n{number} = "127.1.{number // 250}.{number % 250 + 1}:80"\n' for number in range(self.nodes)
        )
        return f"{super().configuration(setting)}\n[clusters.crowd]\n[clusters.crowd.nodes]\n{more}"


@dataclass
class Operator:
    """Gives one node after another a new weight."""

    up: Stage
    nodes: int
    made: int = 0

    def __post_init__(self) -> None:
        path = self.up.setting.folder / "admin.sock"
        wait_until(partial(is_served, path), "operators are served, too")
        self.client = Client(path)

    def change(self) -> None:
        """Once."""
        node, weight = f"n{self.made * 7 % self.nodes}", 2 + self.made // self.nodes % 200
        try:
            self.client.ask(OPERATION, SetNodeOrder(cluster="crowd", node=node, weight=weight))
        except CommandFailed as error:
            raise MeasureError(str(error)) from error
        self.made += 1


def is_served(path: Path) -> bool:
    """Whether somebody listens there: the file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class Changes(Workload):
    name = "changes"
    rounds = 3
    about = (
        "One node's weight each, over the admin socket, with the state folder on disk: first alone, then "
        "while clients connect one after another, whose times are in the last columns. A change is a whole "
        "plan, checked, compiled and swapped in, so it grows with the nodes in it; what does not grow is two "
        "waits for the disk, so that no change is lost."
    )
    metrics = (
        Metric("per_second", "changes/s", 1),
        Metric("cpu_ms", "balancer CPU ms each", 1),
        Metric("p50_us", "connection p50 µs meanwhile", 0),
        Metric("p99_us", "p99 µs", 0),
        Metric("p999_us", "p99.9 µs", 0),
    )
    baseline = "3 nodes"
    x_title = "nodes"

    def cases(self, options: Options) -> Iterable[Case]:
        for placement in options.placements:
            for nodes in (3, 3000) if options.quick else (3, 30, 300, 3000):
                measure = partial(self.measure, nodes, placement, options.seconds)
                yield Case(f"{nodes:,} nodes", measure, placement.name, x=nodes)

    def measure(self, nodes: int, placement: Placement, seconds: float) -> Sample:
        """Once."""
        with stage(Crowded(nodes), placement, Shape(each=1)) as up, ThreadPoolExecutor(1) as beside:
            operator = Operator(up, nodes)
            operator.change()  # the admin stack is there from here on
            made, pids, begun = operator.made, up.processes(), time.monotonic()
            before = cpu_seconds(pids)
            while time.monotonic() < begun + seconds:
                operator.change()
            took, made = time.monotonic() - begun, operator.made - made
            cpu = cpu_seconds(pids) - before
            connecting = beside.submit(up.rate, parallel=1, seconds=seconds)
            while not connecting.done():
                operator.change()
            rate = connecting.result()
        return {"per_second": made / took, "cpu_ms": cpu / made * 1000} | rate.times()


WORKLOADS = [Changes()]
