"""Every scenario with us; and those that two ends can play without us, without us: so none asks more than
TCP.

All that were chosen are played when the first result is asked for, many at a time, since most only wait.
"""

from __future__ import annotations

import pytest

from conformance.runner import Outcome, play_all
from conformance.scenario import scenarios
from conformance.systems.direct import Direct
from conformance.systems.protobalance import ProtoBalance
from peers.root import need_root

SYSTEMS = {system.name: system for system in (ProtoBalance(), Direct())}
KNOWN = {one.name: one for one in scenarios()}
CASES = [(system, name) for system in SYSTEMS for name in KNOWN]

pytestmark = pytest.mark.timeout(600)  # the first test waits for all


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[tuple[str, str], Outcome]:
    """What became of those chosen."""
    own = [item for item in request.session.items if item.path == request.path]
    chosen = {item.callspec.params["case"] for item in own}  # type: ignore[attr-defined]  # of a function
    return {
        (system, name): outcome
        for system, kind in SYSTEMS.items()
        for name, outcome in play_all(
            [KNOWN[of] for by, of in chosen & set(CASES) if by == system], kind
        ).items()
    }


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_scenario(case: tuple[str, str], outcomes: dict[tuple[str, str], Outcome]) -> None:
    """What the scenario's own words say."""
    system, name = case
    if KNOWN[name].theme == "network":
        need_root("a network of its own")
    outcome = outcomes[case]
    if outcome.verdict == "n/a" and system == "direct":
        return
    assert outcome.verdict == "pass", f"{KNOWN[name].law}\n{outcome.reason}\n{outcome.details}"
