"""A decision as lines: the sentence, each attempt, and what the policy compared."""

from __future__ import annotations

from protobalance.cli.screen.ink import Ink, harmless
from protobalance.cli.screen.quantities import number, span
from protobalance.cli.screen.table import table
from protobalance.control.answers import ExplainedDecision, Explanation
from protobalance.control.report import AttemptReport, CandidateReport


def page(explanation: Explanation, ink: Ink) -> list[str]:
    """Recorded decisions, newest first, then where the client would go now."""
    lines: list[str] = []
    if explanation.recorded:
        lines.append(ink.bold("what happened, newest first"))
        for one in explanation.recorded:
            lines += _decision(one, f"{span(one.decision.age_ms)} ago", ink)
    if explanation.now:
        lines.append(ink.bold("what would happen now"))
        for one in explanation.now:
            lines += _decision(one, "now", ink)
    return lines or ["no decision is recorded that matches"]


def _decision(one: ExplainedDecision, when: str, ink: Ink) -> list[str]:
    decision = one.decision
    place = harmless(f"{decision.client} on {decision.listener}, cluster {decision.cluster}")
    lines = [f"{when}: {place}", f"  {harmless(one.sentence)}"]
    if len(decision.attempts) > 1 or any(attempt.failure for attempt in decision.attempts):
        lines += [_attempt(attempt, ink) for attempt in decision.attempts]
    rows = [_candidate(candidate, ink) for candidate in decision.candidates]
    lines += table(("node", ">value", "not chosen because"), rows, ink, indent="    ")
    # None are recorded where affinity chose: the policy was not asked.
    if 0 < len(decision.candidates) < decision.nodes:
        lines.append(ink.faint(f"    and {decision.nodes - len(decision.candidates)} more"))
    return lines


def _attempt(attempt: AttemptReport, ink: Ink) -> str:
    outcome = ink.red(f"failed: {attempt.failure}") if attempt.failure else ink.green("served")
    return f"    {harmless(attempt.node)} ({attempt.why}), after {span(attempt.after_ms)}: {outcome}"


def _candidate(candidate: CandidateReport, ink: Ink) -> tuple[str, str, str]:
    value = "" if candidate.value is None else number(candidate.value)
    return harmless(candidate.node), value, ink.yellow(candidate.skipped)
