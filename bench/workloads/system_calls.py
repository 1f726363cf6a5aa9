"""Where the time of a short session goes: its system calls, and the share of user code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial

from bench.case import Case, Metric, Workload
from bench.options import Options
from bench.sample import MeasureError, Sample
from bench.stage import Shape
from bench.systems.direct import Direct
from bench.systems.system import System
from bench.traced import traced
from bench.usage import ticks

COLUMNS = {
    "accept": {"accept", "accept4"},
    "socket": {"socket"},
    "connect": {"connect"},
    "options": {"setsockopt", "getsockopt", "getsockname", "getpeername", "fcntl", "ioctl", "bind"},
    "read": {"read", "readv", "recvfrom", "recvmsg"},
    "write": {"write", "writev", "sendto", "sendmsg"},
    "splice": {"splice", "pipe2", "pipe"},
    "shutdown": {"shutdown"},
    "close": {"close"},
    "epoll_ctl": {"epoll_ctl"},
    "wait": {"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "select", "pselect6", "io_uring_enter"},
    "futex": {"futex"},
}

SECONDS = 1.0
"""Ticks of 10 ms are to tell user code from the kernel's."""


class SystemCalls(Workload):
    name = "system-calls"
    rounds = 1
    about = (
        "System calls for each new connection of `connections-1` and `-100`, of the balancer's processes, by "
        "strace; and the part of its processor time that is its own code and not the kernel's, untraced."
    )
    metrics = (
        Metric("all", "all", 2),
        *(Metric(column, column, 2, compared=False) for column in (*COLUMNS, "other")),
        Metric("user", "user code", 2, compared=False),
    )

    def cases(self, options: Options) -> Iterable[Case]:
        for parallel in (1, 100):
            for system in options.systems:
                if not isinstance(system, Direct):
                    measure = partial(self.measure, options, system, parallel)
                    yield Case(system.name, measure, f"{parallel} in parallel")

    def measure(self, options: Options, system: System, parallel: int) -> Sample:
        """Once."""
        with options.standing.stage(system, options.placements[0], Shape(each=1)) as up:
            pids = up.processes()
            before = ticks(pids)
            up.rate(parallel=parallel, seconds=SECONDS)
            user, whole = (after - then for after, then in zip(ticks(pids), before, strict=True))
            with traced(pids, up.setting.folder) as counts:
                sessions = up.rate(parallel=parallel, seconds=SECONDS).total_exchanges
        if not counts:
            raise MeasureError("strace counted nothing")
        return in_columns(counts, sessions) | {"user": user / whole}


def in_columns(counts: Counter[str], sessions: int) -> Sample:
    """Of each session."""
    sums = {column: sum(counts[name] for name in names) for column, names in COLUMNS.items()}
    sums["other"] = counts.total() - sum(sums.values())
    return {name: count / sessions for name, count in (sums | {"all": counts.total()}).items()}


WORKLOADS = [SystemCalls()]
