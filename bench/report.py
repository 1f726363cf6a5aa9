"""report.md and results.json, out of what was measured. Nothing here measures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

from bench.aims import summary
from bench.case import Metric, Workload
from bench.drawn import plots
from bench.medians import Number, failures, number, spread
from bench.options import Options
from bench.rounds import Row, Table
from bench.stage import setting_for_show

HEAD = """\
# Measured

By `{command}` on {date}, on {machine}.

Medians of {rounds} rounds (fewer where a workload takes long); every case was measured once in each, in an
order that rotates. Each system has a network of its own. In brackets: the ratio to `{baseline}`, or to the
case that a workload names, the median of the rounds' own ratios. ±: half of what the middle half of the
rounds spans, as a part of the median. What failed in any round shows why, and has no numbers.
"""


def report(tables: Sequence[Table], options: Options, command: str) -> str:
    """The whole page."""
    machine = f"Linux {platform.release().split('-')[0]} with {os.cpu_count()} cores"
    head = HEAD.format(
        command=command,
        date=datetime.now(UTC).date(),
        machine=machine,
        rounds=options.rounds,
        baseline=Workload.baseline,
    )
    parts = [head, summary(tables), _versions(options)]
    for table in tables:
        parts.append(section(table, options))
        parts += [f"![{plot.title}]({file})\n" for file, plot in plots(table).items()]
    return "\n".join([*parts, _configurations(options)])


def section(table: Table, options: Options) -> str:
    """One workload."""
    parts = [f"## {table.workload.name}\n\n{table.workload.about}{_differs(table, options)}\n"]
    for group, rows in groupby(table.rows, key=lambda row: row.case.group):
        parts.append(_grid(table, group, list(rows)))
    return "\n".join(parts)


def _differs(table: Table, options: Options) -> str:
    """What the head says otherwise."""
    workload = table.workload
    baseline = (
        f" In brackets: the ratio to `{workload.baseline}`." if workload.baseline != Workload.baseline else ""
    )
    fewer = f" Rounds: {table.rounds}." if table.rounds < options.rounds else ""
    return baseline + fewer


def _versions(options: Options) -> str:
    rows = [f"| {system.name} | {system.version()} |" for system in options.systems]
    return "\n".join(["| system | version |", "|---|---|", *rows, ""])


def _grid(table: Table, group: str, rows: list[Row]) -> str:
    metrics = table.workload.metrics
    baseline = next((row for row in rows if row.case.name == table.workload.baseline), None)
    lines = [f"### {group}\n"] if group else []
    lines += [_line(["", *(metric.title for metric in metrics)]), "|---" + "|---:" * len(metrics) + "|"]
    for row in rows:
        if reason := failures(row):
            lines.append(_line([row.case.name, f"**failed**: {reason}", *([""] * (len(metrics) - 1))]))
        else:
            lines.append(_line([row.case.name, *(cell(metric, row, baseline) for metric in metrics)]))
    return "\n".join([*lines, ""])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def cell(metric: Metric, row: Row, baseline: Row | None) -> str:
    """`12,345 (1.22) ±2%`."""
    found: Number | None = number(row, metric.name, baseline)
    if found is None:
        return "-"
    ratio = f" ({found.ratio:.2f})" if metric.compared and found.ratio is not None else ""
    return f"{found.median:,.{metric.digits}f}{ratio}{spread(found.spread)}"


def _configurations(options: Options) -> str:
    parts = ["## Configurations", "", "Pinned, with three nodes.", ""]
    for system in options.systems:
        if text := system.configuration(setting_for_show()).strip():
            parts += [f"### {system.name}", "", "```text", text, "```", ""]
    return "\n".join(parts)


def results(tables: Sequence[Table]) -> str:
    """Every sample, for who wants to reckon otherwise."""
    rows = [
        {
            "workload": table.workload.name,
            "group": row.case.group,
            "case": row.case.name,
            "round": outcome.round,
            "failure": outcome.failure,
            "sample": outcome.sample,
        }
        for table in tables
        for row in table.rows
        for outcome in row.outcomes
    ]
    return json.dumps(rows, indent=1) + "\n"
