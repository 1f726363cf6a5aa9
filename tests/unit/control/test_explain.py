"""A decision's sentence says what the record holds, and no more."""

from __future__ import annotations

import pytest

from protobalance.control.counted import span
from protobalance.control.explain import forecast, sentence
from protobalance.control.report import AttemptReport, CandidateReport, DecisionReport


def decision(
    policy: str,
    attempts: list[tuple[str, str, str, int]],
    candidates: list[tuple[str, float | None, str]],
    *,
    nodes: int | None = None,
    home: tuple[str, str] = ("", ""),
) -> DecisionReport:
    return DecisionReport(
        age_ms=1000,
        client="203.0.113.9",
        listener="web",
        cluster="web",
        policy=policy,
        node=attempts[-1][0] if attempts else "",
        attempts=[AttemptReport(*each) for each in attempts],
        candidates=[CandidateReport(*each) for each in candidates],
        nodes=len(candidates) if nodes is None else nodes,
        home=home[0],
        home_skipped=home[1],
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            decision("least-sessions", [("b", "affinity", "", 2)], []),
            "203.0.113.9 went to node b: home by affinity",
        ),
        (
            decision("round-robin", [("a", "policy", "", 0)], [("a", 7.0, "")], home=("b", "draining")),
            "203.0.113.9 went to node a: its turn by weight; its home b is draining",
        ),
        (
            decision("round-robin", [("c", "fallback", "", 0)], [], home=("b", "down")),
            "203.0.113.9 went to node c: fallback; its home b is down",
        ),
        (
            decision(
                "least-sessions",
                [("c", "policy", "", 0)],
                [("c", 1 / 3, ""), ("a", 0.5, ""), ("b", None, "down")],
            ),
            "203.0.113.9 went to node c: fewest sessions per weight with this one, 0.33 (a 0.50, b down)",
        ),
        (
            decision("round-robin", [("a", "policy", "", 0)], [("a", 7.0, ""), ("b", 9.0, "")]),
            "203.0.113.9 went to node a: its turn by weight",
        ),
        (
            decision("random", [("a", "policy", "", 0)], [("a", None, ""), ("b", None, "draining")], nodes=4),
            "203.0.113.9 went to node a: drawn by weight (b draining, and 2 more)",
        ),
        (
            decision(
                "random",
                [("a", "policy", "refused", 1), ("b", "fallback", "", 3)],
                [("a", None, ""), ("b", None, "")],
            ),
            "203.0.113.9 went to node b: fallback; tried before: a refused after 1 ms",
        ),
        (
            decision("random", [("b", "fallback", "", 0)], [("b", None, "weight-0"), ("a", None, "down")]),
            "203.0.113.9 went to node b: fallback",
        ),
        (
            decision(
                "random",
                [("a", "last-resort", "timed-out", 2000), ("b", "last-resort", "", 2001)],
                [("a", None, "down"), ("b", None, "down")],
            ),
            "203.0.113.9 went to node b: last resort, all nodes are down; "
            "tried before: a timed out after 2.0 s",
        ),
        (
            decision("random", [("a", "policy", "refused", 1), ("b", "next", "closed-early", 9)], []),
            "203.0.113.9 was served by no node of web: a refused after 1 ms, b closed early after 9 ms",
        ),
        (
            decision(
                "random",
                [("a", "policy", "tls-wrong-name", 1), ("b", "next", "our-shortage", 9)],
                [],
                nodes=2,
            ),
            "203.0.113.9 was served by no node of web: a had a certificate for another name after 1 ms, "
            "b was out of reach for a shortage of ours after 9 ms",
        ),
        (
            decision("random", [], [("a", None, "offline")]),
            "203.0.113.9 found no node of web (a offline)",
        ),
    ],
)
def test_one_line_for_each_way(record: DecisionReport, expected: str) -> None:
    assert sentence(record) == expected


def test_what_is_known_now_is_said_of_a_node_that_is_down() -> None:
    record = decision("least-sessions", [("c", "policy", "", 0)], [("c", 0, ""), ("b", None, "down")])
    down = {("web", "b"): "down: refused, next trial in 3.2 s", ("green", "c"): "not asked"}
    expected = "203.0.113.9 would go to node c: fewest sessions per weight with this one, 0.00"
    assert forecast(record, down) == f"{expected} (b down: refused, next trial in 3.2 s)"
    nobody = decision("random", [], [("a", None, "offline")])
    assert forecast(nobody, down) == "203.0.113.9 would find no node of web (a offline)"


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(0, "0 ms"), (999, "999 ms"), (3200, "3.2 s"), (180_000, "3 min"), (5_400_000, "1.5 h")],
)
def test_spans(milliseconds: int, expected: str) -> None:
    assert span(milliseconds) == expected
