"""docs/conformance.md: which system passes which scenario, why not, and how each was set up."""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from conformance.runner import Outcome
from conformance.scenario import Scenario
from conformance.system import System
from conformance.wish import Wish

HEAD = """\
# Conformance

What must stay true when clients and nodes fail, and which load balancers keep it. Made by `make conformance`
on {date}, on {machine}; do not edit. Each was played {runs} times. To play one scenario:
`make conformance ONLY=half_close_is_kept` (a name, its beginning, a pattern or a theme); with some systems:
`SYSTEMS=protobalance,haproxy`.

A scenario plays both ends with raw sockets ([tests/conformance](../tests/conformance)). It asks that each end
see what it would see if both spoke to each other directly; where only a balancer can help, that no client be
lost who could be served, and that no client be told a lie. `direct` is such a pair without any balancer: what
fails there would ask too much, and what takes a balancer does not apply. Every system has the configuration
that its manual leads to for this task, [below](#configurations): the same time limits, retries and half-close
on where they must be asked for, no active checks (each connection a node sees is a client's).

`1/2` means that it held in one of two plays. `n/a`: the system is not made for it.
"""

LANGUAGES = {"protobalance": "toml", "nginx": "nginx", "envoy": "json"}


@dataclass
class Results:
    """All plays, by system and scenario."""

    scenarios: list[Scenario]
    systems: list[System]
    runs: int
    plays: dict[tuple[str, str], list[Outcome]] = field(default_factory=dict)

    def add(self, system: System, outcomes: dict[str, Outcome]) -> None:
        """One play of each scenario."""
        for name, outcome in outcomes.items():
            self.plays.setdefault((system.name, name), []).append(outcome)

    def cell(self, system: System, scenario: Scenario) -> str:
        """`pass`, `**fail**`, `**1/2**` or `n/a`."""
        verdicts = Counter(play.verdict for play in self.plays[system.name, scenario.name])
        if verdicts["n/a"]:
            return "n/a"
        if not verdicts["fail"]:
            return "pass"
        return f"**{verdicts['pass']}/{verdicts.total()}**" if verdicts["pass"] else "**fail**"

    def reasons(self, system: System, scenario: Scenario) -> str:
        """What was seen where it did not pass, in one line. Of `direct` the page's head says it once."""
        if system.name == "direct" and self.cell(system, scenario) == "n/a":
            return ""
        plays = self.plays[system.name, scenario.name]
        return "; ".join(sorted({" ".join(play.reason.split()) for play in plays if play.reason}))

    def notes(self, system: System, scenario: Scenario) -> str:
        """What was measured, of the last play."""
        return "; ".join(self.plays[system.name, scenario.name][-1].notes)

    def score(self, system: System) -> str:
        """Scenarios passed every time, of those that apply."""
        cells = [self.cell(system, scenario) for scenario in self.scenarios]
        return f"{cells.count('pass')} of {len(cells) - cells.count('n/a')}"


def written(results: Results) -> str:
    """The page."""
    head = HEAD.format(date=datetime.now(UTC).date(), machine=_machine(), runs=results.runs)
    parts = [head, _summary(results)]
    for theme, scenarios in groupby(results.scenarios, key=lambda one: one.theme):
        parts.append(_theme(results, theme, list(scenarios)))
    parts.append(_configurations(results))
    return "\n".join(parts)


def _machine() -> str:
    cores = len(
        [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")]
    )
    return f"Linux {platform.release().split('-')[0]} with {cores} cores"


def _summary(results: Results) -> str:
    rows = [f"| {one.name} | {one.version()} | {results.score(one)} |" for one in results.systems]
    return "\n".join(["| system | version | passed |", "|---|---|---|", *rows, ""])


def _theme(results: Results, theme: str, scenarios: list[Scenario]) -> str:
    names = [system.name for system in results.systems]
    lines = [
        f"## {theme.capitalize()}",
        "",
        f"| scenario | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for one in scenarios:
        cells = [results.cell(system, one) for system in results.systems]
        lines.append(f"| {one.name} | {' | '.join(cells)} |")
    lines.append("")
    for one in scenarios:
        lines += [f"**{one.name}.** {one.law}", ""]
        said = []
        for system in results.systems:
            words = [results.reasons(system, one), results.notes(system, one)]
            if text := "; ".join(filter(None, words)):
                said.append(f"- {system.name}: {text}")
        lines += [*said, ""] if said else []
    return "\n".join(lines)


def _configurations(results: Results) -> str:
    wish = Wish(listen=("127.0.0.1", 8080), nodes=(("127.0.0.1", 8001), ("127.0.0.1", 8002)))
    lines = [
        "## Configurations",
        "",
        "As for two nodes; a scenario changes addresses and time limits, for all alike.",
        "",
    ]
    for system in results.systems:
        if text := system.configuration(wish).strip():
            lines += [f"### {system.name}", "", f"```{LANGUAGES.get(system.name, 'text')}", text, "```", ""]
    return "\n".join(lines)
