"""Sessions that do nothing, and what they cost in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bench.case import Case, Metric, Workload, across
from bench.options import Options
from bench.placement import Placement
from bench.sample import MeasureError, Sample
from bench.stage import Nodes, Shape, Stage, stage
from bench.standing import settle
from bench.systems.system import System
from bench.usage import memory
from peers.process import wait_until

SESSIONS = 9_500
"""Two descriptors each, of the 20,000 that a process has on small machines."""
MESSAGE = 64 * 1024
FEW = 16
"""At a time, of the thousands that have come and gone before."""


class Idle(Workload):
    name = "idle"
    rounds = 2
    about = (
        f"{SESSIONS:,} sessions that stand. Bytes for each: private memory of the balancer's processes, and "
        "the kernel's slab and socket buffers, those of client and node included (compare `direct`). New: "
        "nothing was sent yet; used: after 64 KiB each way; closed: what is left once all have ended. What a "
        "balancer reserved at its start is not in it (`start` has that), nor what it remembers of clients "
        "(`affinity` has that): all have been there before."
    )
    metrics = (
        Metric("user_new", "user, new"),
        Metric("user_used", "user, used"),
        Metric("user_closed", "user, closed"),
        Metric("kernel_new", "kernel, new"),
        Metric("kernel_used", "kernel, used"),
    )

    def cases(self, options: Options) -> Iterable[Case]:
        # A session is as large on every core.
        return across(replace(options, placements=options.placements[:1]), self.measure)

    def measure(self, options: Options, system: System, placement: Placement) -> Sample:
        """Once."""
        with stage(system, placement, Shape(each=1)) as before:
            before.rate(parallel=FEW, seconds=options.seconds)
            up = replace(before, shape=Shape(MESSAGE, MESSAGE))
            with up.nodes() as nodes:
                return _measured(up, nodes)


def _measured(up: Stage, nodes: Nodes) -> Sample:
    pids = up.processes()
    samples = [_bytes(pids)]
    with up.staying(SESSIONS) as clients:
        _expect_clean(clients.line())
        _until_open(nodes, SESSIONS)
        samples.append(_bytes(pids))
        clients.say()
        _expect_clean(clients.line())
        samples.append(_bytes(pids))
    _until_open(nodes, 0)
    samples.append(_bytes(pids))
    up.check(pids)
    start, *later = samples
    names = ("new", "used", "closed")
    user = {f"user_{name}": (at[0] - start[0]) / SESSIONS for name, at in zip(names, later, strict=True)}
    kernel = {f"kernel_{name}": (at[1] - start[1]) / SESSIONS for name, at in zip(names, later, strict=True)}
    return (user if pids else {}) | kernel


def _until_open(nodes: Nodes, count: int) -> None:
    wait_until(lambda: nodes.report()["open"] == count, f"{count} sessions stand at the nodes", limit=15)


def _expect_clean(result: dict[str, object]) -> None:
    if result["errors"]:
        raise MeasureError(f"{result['errors']} of {SESSIONS} sessions")


def _bytes(pids: list[int]) -> tuple[int, int]:
    """Private bytes of the processes once they are quiet, and the kernel's."""
    settle(pids)
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    slab = int(fields["Slab"].split()[0]) * 1024
    sockets = Path("/proc/net/sockstat").read_text().split()
    pages = int(sockets[sockets.index("mem") + 1])
    return memory(pids)["private"], slab + pages * 4096


WORKLOADS = [Idle()]
