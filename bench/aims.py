"""What we set out to reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.medians import number, spread
from bench.rounds import Table

OURS = "protobalance"


@dataclass(frozen=True)
class Aim:
    """A bound on one number, or on its ratio to the workload's baseline."""

    says: str
    workload: str
    metric: str
    bound: float
    least: bool = False
    """Whether it is a lower bound."""
    ratio: bool = True
    group: str = "pinned"
    case: str = OURS

    def line(self, tables: Sequence[Table]) -> str | None:
        """Of the table; None where it was not measured."""
        table = next((table for table in tables if table.workload.name == self.workload), None)
        rows = {row.case.name: row for row in table.rows if row.case.group == self.group} if table else {}
        own = rows.get(self.case)
        if table is None or own is None:
            return None
        wanted = f"| {self.says} | at {'least' if self.least else 'most'} {self.bound:,g}"
        if own.has_failed():
            return f"{wanted} | failed | **no** |"
        found = number(own, self.metric, rows.get(table.workload.baseline))
        if found is None:
            return None
        measured, part = (found.ratio, found.ratio_spread) if self.ratio else (found.median, found.spread)
        if measured is None:
            return None
        # What misses its bound by less than the last digit shown is met.
        shown = round(measured, 2)
        met = shown >= self.bound if self.least else shown <= self.bound
        return f"{wanted} | {shown:,.2f}{spread(part)} | {'yes' if met else '**no**'} |"


def _least(says: str, workload: str, bound: float, metric: str = "per_second", group: str = "pinned") -> Aim:
    return Aim(says, workload, metric, bound, least=True, group=group)


def _cost(says: str, workload: str, metric: str, bound: float, group: str, case: str = OURS) -> Aim:
    return Aim(says, workload, metric, bound, ratio=False, group=group, case=case)


AIMS = (
    _least("new connections, 100 at a time", "connections-100", 1.2),
    _least("new connections, one at a time", "connections-1", 1.2),
    _least("1 KiB there and back, 1 connection", "ping-pong-1", 1.1),
    _least("1 KiB there and back, 64 connections", "ping-pong-64", 1.12),
    _least("1 KiB there and back, 1,000 connections", "ping-pong-1000", 1.15),
    _least("bulk down, 4 streams", "bulk-down-4", 5, "gigabytes_per_second"),
    _least("bulk up, 4 streams", "bulk-up-4", 4, "gigabytes_per_second"),
    Aim("CPU per connection", "connections-100", "cpu_us", 0.82),
    Aim("CPU per request", "ping-pong-64", "cpu_us", 0.88),
    Aim("CPU per GB", "bulk-down-4", "cpu_per_gigabyte", 0.2),
    _least("all cores: new connections", "connections-100", 1.07, group="all-cores"),
    Aim("… their p99", "connections-100", "p99_us", 1, group="all-cores"),
    _least("all cores: 64 connections, 1 KiB", "ping-pong-64", 1.07, group="all-cores"),
    Aim("… their p99", "ping-pong-64", "p99_us", 1, group="all-cores"),
    _cost("idle session, bytes of user memory", "idle", "user_used", 400, "pinned"),
    _cost("… left when it has ended", "idle", "user_closed", 40, "pinned"),
    *(
        _cost(f"decision with 300 nodes, ns: {policy}", "decisions", "pick_ns", 1000, policy, "300 nodes")
        for policy in ("round-robin", "least-sessions", "minimum-load", "client-hash")
    ),
    *(
        _cost(
            f"affinity with 10,000,000 clients, {what}", "affinity", metric, bound, "", "10,000,000 clients"
        )
        for what, metric, bound in (
            ("bytes each", "resident_bytes_per_client", 64),
            ("look-up, ns", "known_ns", 200),
            ("load at start, ms", "load_ms", 30_000),
        )
    ),
    Aim(
        "CPU with a Python load rating, to that without",
        "load-rating",
        "cpu_us",
        1.01,
        case="asked ten times a second",
    ),
    _cost("accepting after the start, ms", "start", "accepting_ms", 60, ""),
    _cost("memory (PSS) forwarding, MB", "start", "pss_mb", 20, "", "no-admin"),
    _cost("… with the admin interface, MB", "start", "pss_mb", 32, ""),
    _cost("… the engine's part of it, MB", "start", "pss_mb", 3, "", "engine"),
    _cost("system calls of a short session", "system-calls", "all", 14, "100 in parallel"),
)


def summary(tables: Sequence[Table]) -> str:
    """All that was measured of it, as a table; empty where nothing was."""
    lines = [line for aim in AIMS if (line := aim.line(tables))]
    if not lines:
        return ""
    head = (
        "## What we set out to reach\n\nRatios are to HAProxy as it comes, where no unit is named; ± is of "
        "the ratio, or of the number.\n"
    )
    return "\n".join([head, "| | aim | measured | met |", "|---|---|---:|---|", *lines, ""])
