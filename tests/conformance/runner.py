"""Plays scenarios against systems."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from conformance.scenario import Scenario
from conformance.stage import Stage
from conformance.system import System
from conformance.verdict import NotApplicable, reason_of

AT_A_TIME = 16  # scenarios that mostly wait


@dataclass
class Outcome:
    """What became of one scenario with one system, once."""

    verdict: str
    """`pass`, `fail` or `n/a`."""
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    details: str = ""
    """Where it failed, and the end of the system's log."""


def play(scenario: Scenario, system: System) -> Outcome:
    """One scenario, once."""
    with Stage(system) as stage:
        try:
            scenario.play(stage)
        except NotApplicable as not_made_for_it:
            return Outcome("n/a", str(not_made_for_it))
        except Exception as error:  # noqa: BLE001 - whatever cut the scenario short is its verdict
            return Outcome("fail", reason_of(error), stage.notes, traceback.format_exc() + stage.log_tail())
    return Outcome("pass", notes=stage.notes)


def play_all(scenarios: Iterable[Scenario], system: System) -> dict[str, Outcome]:
    """Each once, by name; those that only wait at the same time, then the others one after the other."""
    together = [one for one in scenarios if not one.alone]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        played = pool.map(lambda one: play(one, system), together)
        outcomes = {one.name: outcome for one, outcome in zip(together, played, strict=True)}
    return outcomes | {one.name: play(one, system) for one in scenarios if one.alone}
