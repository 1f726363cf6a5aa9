"""Which plots a table gives: one for each metric, where its cases lie along something that grows."""

from __future__ import annotations

from bench.medians import number
from bench.plot import Plot
from bench.rounds import Table


def plots(table: Table) -> dict[str, Plot]:
    """By file name. What failed has no point."""
    workload = table.workload
    found: dict[str, Plot] = {}
    for metric in workload.metrics:
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in table.rows:
            if row.case.x is not None and (point := number(row, metric.name, None)):
                lines.setdefault(row.case.line, []).append((row.case.x, point.median))
        if lines:
            title = f"{workload.name}: {metric.title}"
            found[f"{workload.name}-{metric.name}.svg"] = Plot(title, workload.x_title, metric.title, lines)
    return found
