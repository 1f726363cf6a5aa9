"""`python -m conformance`: what `make conformance` runs. Writes the page unless only some were asked for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.report import Results, written
from conformance.runner import play_all
from conformance.scenario import scenarios
from conformance.systems import SYSTEMS

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def main() -> int:
    """The number of scenarios that we fail, as far as an exit code goes."""
    options = _options()
    wanted = options.systems.split(",") if options.systems else [system.name for system in SYSTEMS]
    systems = [system for system in SYSTEMS if system.name in wanted and system.version()]
    for name in set(wanted) - {system.name for system in systems}:
        print(f"{name}: not installed")
    results = Results(scenarios(options.only), systems, options.runs)
    for _ in range(options.runs):
        for system in systems:
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--only", default="", help="a scenario's name, its beginning, a pattern, or a theme")
    parser.add_argument("--systems", default="", help="names, with commas between")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--details", action="store_true", help="where each failed, and what the system wrote")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(min(main(), 100))
