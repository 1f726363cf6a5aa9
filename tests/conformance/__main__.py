"""`python -m conformance`: what `make conformance` runs. Writes the page unless only some were asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from conformance.report import Results, written
from conformance.runner import play_all
from conformance.scenario import Scenario, scenarios
from conformance.system import System
from conformance.systems import SYSTEMS
from protobalance.cli.options import count

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def main(words: Sequence[str] | None = None) -> int:
    """The number of scenarios that we fail, as far as an exit code goes."""
    parser = _parser()
    options = parser.parse_args(words)
    results = Results(_scenarios(parser, options.only), _systems(parser, options.systems), options.runs)
    for _ in range(options.runs):
        for system in results.systems:
            outcomes = play_all(results.scenarios, system)
            results.add(system, outcomes)
            for name, outcome in outcomes.items():
                if outcome.verdict != "pass" or outcome.notes:
                    print(
                        f"{system.name:13} {outcome.verdict:4} {name}: {outcome.reason} {outcome.notes or ''}"
                    )
                if options.details and outcome.verdict == "fail":
                    print(outcome.details)
            passed = [outcome.verdict for outcome in outcomes.values()].count("pass")
            print(f"{system.name:13} {passed} passed of {len(outcomes)}", flush=True)
    if not options.only and not options.systems:
        PAGE.write_text(written(results))
    return sum(
        outcome.verdict == "fail"
        for (name, _), plays in results.plays.items()
        for outcome in plays
        if name == "protobalance"
    )


def _scenarios(parser: argparse.ArgumentParser, only: str) -> list[Scenario]:
    chosen = scenarios(only)
    if not chosen:
        by_theme = groupby(sorted(scenarios(), key=attrgetter("theme")), key=attrgetter("theme"))
        names = [f"{theme}: {', '.join(one.name for one in those)}" for theme, those in by_theme]
        parser.error("\n".join([f"no scenario fits {only!r}; there are, by theme:", *names]))
    return chosen


def _systems(parser: argparse.ArgumentParser, names: str) -> list[System]:
    """Those named that are installed; all of them, if none is named."""
    known = {system.name: system for system in SYSTEMS}
    wanted = list(filter(None, names.split(","))) or list(known)
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"there is no system {', '.join(unknown)}; there are: {', '.join(known)}")
    installed = [system for name, system in known.items() if name in wanted and system.version()]
    missing = [name for name in wanted if known[name] not in installed]
    if missing:
        print(f"not installed: {', '.join(missing)}")
    if not installed:
        parser.error("there is nobody to play with")
    return installed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--only", default="", help="a scenario's name, its beginning, a pattern, or a theme")
    parser.add_argument("--systems", default="", help="names, with commas between")
    parser.add_argument("--runs", type=count, default=1)
    parser.add_argument("--details", action="store_true", help="where each failed, and what the system wrote")
    return parser


if __name__ == "__main__":
    sys.exit(min(main(), 100))
