"""One moment of the demo: each node with its state, and a bar as long as the traffic it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protobalance.cli.screen.ink import Ink
from protobalance.cli.screen.quantities import plural
from protobalance.cli.screen.status import node_health, node_state
from protobalance.cli.screen.table import table
from protobalance.control.answers import NodeStatus

BAR = 36  # columns of the longest bar: the table fits into 100
HEADS = ("node", "process", "state", "health", ">requests/s", "")


@dataclass(frozen=True, slots=True)
class Moment:
    """What is to be seen. `processes`: process id by node, 0 where it was killed."""

    nodes: Sequence[NodeStatus]
    processes: Mapping[str, int]
    rates: Mapping[str, float]
    sent: int
    errors: int


def frame(moment: Moment, ink: Ink) -> list[str]:
    """The moment as a table, for a terminal."""
    highest = max([*moment.rates.values(), 1.0])
    rows = [
        (
            ink.bold(node.name),
            str(moment.processes[node.name] or ink.red("killed")),
            node_state(node, ink),
            node_health(node, ink),
            f"{moment.rates.get(node.name, 0.0):.0f}",
            ink.green("█" * round(BAR * moment.rates.get(node.name, 0.0) / highest)),
        )
        for node in moment.nodes
    ]
    return [*table(HEADS, rows, ink), "", "  " + _counts(moment, ink)]


def line(moment: Moment) -> str:
    """The moment as one plain line, for a file or a pipe."""
    parts = []
    for node in moment.nodes:
        state = node.admin_state if node.admin_state != "available" else node.health
        parts.append(f"{node.name} {state} {moment.rates.get(node.name, 0.0):.0f}/s")
    return f"    {', '.join(parts)}; {_counts(moment, Ink(coloured=False))}"


def _counts(moment: Moment, ink: Ink) -> str:
    errors = plural(moment.errors, "error")
    return f"{plural(moment.sent, 'request')}, {ink.red(errors) if moment.errors else ink.green(errors)}"
