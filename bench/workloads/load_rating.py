"""Connections while a Python function rates a hundred nodes ten times a second, and while none does."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from bench.case import Case, Metric, Workload
from bench.options import Options
from bench.placement import Placement
from bench.sample import Sample
from bench.stage import Shape, Size
from bench.systems.protobalance import ProtoBalance
from bench.systems.system import Setting

NODES = 100
FUNCTION = """\
def rate(nodes):
    return {name: (hash(name) + node.active) % 97 for name, node in nodes.items()}
"""
RATING = '[clusters.c.load_rating]\nfunction = "bench_rating:rate"\ninterval = "{interval}"\nttl = "1h"\n\n'


class Unrated(ProtoBalance):
    """Ours by the policy that is nearest, which asks nobody."""

    def configuration(self, setting: Setting) -> str:
        return (
            super()
            .configuration(setting)
            .replace("[clusters.c]\n", '[clusters.c]\npolicy = "least-sessions"\n')
        )


class Rated(ProtoBalance):
    """Ours by `minimum-load`, asked so often; once an hour is as good as never."""

    def __init__(self, name: str, interval: str) -> None:
        super().__init__(name)
        self.interval = interval

    def configuration(self, setting: Setting) -> str:
        (setting.folder / "bench_rating.py").write_text(FUNCTION)
        text = super().configuration(setting)
        text = text.replace("[clusters.c]\n", '[clusters.c]\npolicy = "minimum-load"\n')
        return text.replace(
            "[clusters.c.nodes]\n", RATING.format(interval=self.interval) + "[clusters.c.nodes]\n"
        )


class LoadRating(Workload):
    name = "load-rating"
    about = (
        f"{NODES} nodes, 100 clients at a time, one request of 100 bytes each. Without a load rating (by "
        "`least-sessions`), and by `minimum-load` with a Python function that is asked once an hour, or ten "
        "times a second. The CPU is all that the balancer's processes use, Python with them."
    )
    metrics = (
        Metric("per_second", "connections/s"),
        Metric("cpu_us", "balancer CPU µs each", 2),
        Metric("p99_us", "p99 µs", 0),
    )
    baseline = "no load rating"

    def cases(self, options: Options) -> Iterable[Case]:
        for placement in options.placements:
            for system in (
                Unrated(self.baseline),
                Rated("asked once an hour", "1h"),
                Rated("asked ten times a second", "100ms"),
            ):
                measure = partial(self.measure, options, system, placement)
                yield Case(system.name, measure, placement.name)

    def measure(self, options: Options, system: ProtoBalance, placement: Placement) -> Sample:
        """Once."""
        with options.standing.stage(system, placement, Shape(each=1), Size(nodes=NODES)) as up:
            return up.rate(parallel=100, seconds=options.seconds).sample()


WORKLOADS = [LoadRating()]
