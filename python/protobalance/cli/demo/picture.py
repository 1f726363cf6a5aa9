"""One moment of the demo: each node with its state, and a bar as long as the traffic it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protobalance.cli.screen.ink import Ink, width
from protobalance.cli.screen.status import in_state_colour, node_health
from protobalance.cli.screen.table import table
from protobalance.control.answers import NodeStatus
from protobalance.control.counted import plural

BAR, MIN_BAR = 40, 8  # columns of the longest bar
GAP = 2  # columns before it
HEADS = ("node", "process", "state", "health", ">requests/s")


@dataclass(frozen=True, slots=True)
class Moment:
    """What is to be seen. `processes`: process id by node, 0 where it was killed."""

    nodes: Sequence[NodeStatus]
    processes: Mapping[str, int]
    rates: Mapping[str, float]
    sent: int
    errors: int


def frame(moment: Moment, ink: Ink, columns: int) -> list[str]:
    """The moment as a table, for a terminal so many columns wide."""
    rows = [
        (
            ink.bold(node.name),
            str(moment.processes[node.name] or ink.red("killed")),
            in_state_colour(node, ink, node.admin_state),
            node_health(node, ink),
            f"{moment.rates.get(node.name, 0.0):.0f}",
        )
        for node in moment.nodes
    ]
    head, *lines = table(HEADS, rows, ink)
    # What is too long is cut, and bars that are cut cannot be compared: so they get the room that is left.
    longest = max(MIN_BAR, min(BAR, columns - GAP - max(map(width, lines))))
    highest = max([*moment.rates.values(), 1.0])
    bars = (
        ink.green("█" * round(longest * moment.rates.get(node.name, 0.0) / highest)) for node in moment.nodes
    )
    return [
        head,
        *(f"{line}{GAP * ' '}{bar}" for line, bar in zip(lines, bars, strict=True)),
        "",
        f"  {_counts(moment, ink)}",
    ]


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
