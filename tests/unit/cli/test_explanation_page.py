"""The page of `explain` says what the record holds, and nothing that it does not."""

from __future__ import annotations

import pytest

from protobalance.cli.screen.explanation import page
from protobalance.cli.screen.ink import Ink
from protobalance.control.answers import ExplainedDecision, Explanation
from protobalance.control.report import AttemptReport, CandidateReport, DecisionReport


def _lines(why: str, candidates: list[CandidateReport], nodes: int) -> list[str]:
    decision = DecisionReport(
        age_ms=0,
        client="192.0.2.7",
        listener="web",
        cluster="web",
        policy="least-sessions",
        node="a",
        attempts=[AttemptReport("a", why, "", 0)],
        candidates=candidates,
        nodes=nodes,
    )
    return page(Explanation([ExplainedDecision("said", decision)], []), Ink(coloured=False))


@pytest.mark.parametrize(
    ("recorded", "nodes", "rest"), [(1, 1, None), (2, 2, None), (2, 5, "    and 3 more")]
)
def test_what_the_record_leaves_out_is_counted(recorded: int, nodes: int, rest: str | None) -> None:
    candidates = [CandidateReport(name, 1.0, "") for name in "abcdefgh"[:recorded]]
    more = [line for line in _lines("policy", candidates, nodes) if "more" in line]
    assert more == ([] if rest is None else [rest])


def test_where_affinity_chose_nothing_was_compared() -> None:
    assert _lines("affinity", [], 3) == [
        "what happened, newest first",
        "0ms ago: 192.0.2.7 on web, cluster web",
        "  said",
    ]
