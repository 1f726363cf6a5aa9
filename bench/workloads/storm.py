"""Everybody at once: as after a network's fall, all clients connect in the same moment."""

from __future__ import annotations

from collections.abc import Iterable

from bench.case import Case, Metric, Workload, across
from bench.options import Options
from bench.placement import Placement
from bench.sample import MeasureError, Sample
from bench.stage import Shape, stage
from bench.standing import settle
from bench.systems.system import System

CLIENTS = 9_500


class Storm(Workload):
    name = "storm"
    rounds = 3
    about = (
        f"{CLIENTS:,} clients connect at once, send 100 bytes and wait for 100; none leaves. Times from the "
        "connect to the answer; a second and more is a connection that the kernel had no room for and that "
        "tried again."
    )
    metrics = (
        Metric("all_ms", "ms until all are answered"),
        Metric("p50_ms", "p50 ms"),
        Metric("p99_ms", "p99 ms"),
    )

    def cases(self, options: Options) -> Iterable[Case]:
        return across(options, self.measure)

    def measure(self, _options: Options, system: System, placement: Placement) -> Sample:
        """Once."""
        with stage(system, placement, Shape(), standing=True) as up:
            pids = up.processes()
            settle(pids)
            with up.staying(CLIENTS, storm=1) as clients:
                result = clients.line()
            up.check(pids)
        if result["errors"]:
            raise MeasureError(f"{result['errors']} of {CLIENTS} clients")
        return {
            "all_ms": result["seconds"] * 1e3,
            "p50_ms": result["p50_us"] / 1e3,
            "p99_ms": result["p99_us"] / 1e3,
        }


WORKLOADS = [Storm()]
