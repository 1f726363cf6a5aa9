"""A decision as one sentence, said from the engine's record alone.

What the record does not hold is not said. For a decision about now, the caller may add why nodes are
down at present.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protobalance.control.counted import span
from protobalance.control.report import AttemptReport, CandidateReport, DecisionReport

# What each policy compares, as its candidates' values show it; policies without an entry compare nothing
# that a reader could use.
_COMPARES = {
    "connection-rate": "lowest connection rate per weight,",
    "traffic-rate": "lowest traffic rate per weight,",
    "minimum-load": "lowest load rating per weight,",
    "least-sessions": "fewest sessions per weight with this one,",
    "two-choices": "fewer sessions per weight of two drawn,",
}
_WITHOUT_VALUES = {
    "round-robin": "its turn by weight",
    "random": "drawn by weight",
    "client-hash": "this client's node by hash",
}
_SKIPPED = {"weight-0": "weight 0", "tried": "tried before", "full": "at max_sessions"}
# What a node did, where the failure's own word does not say it after the node's name.
_FAILED = {
    "unreachable": "was unreachable",
    "unanswered": "left it unanswered",
    "unresolved": "had no address",
    "withdrawn": "was taken offline",
    "our-shortage": "was out of reach for a shortage of ours",
    "tls-expired": "had an expired certificate",
    "tls-not-yet-valid": "had a certificate that is not valid yet",
    "tls-unknown-issuer": "had a certificate of an unknown issuer",
    "tls-wrong-name": "had a certificate for another name",
    "tls-bad-certificate": "had a bad certificate",
    "tls-alert": "refused the TLS handshake",
    "tls-protocol": "spoke no TLS that we know",
}

NodeKey = tuple[str, str]


def sentence(decision: DecisionReport) -> str:
    """One line for a decision that was carried out."""
    if not decision.attempts:
        return f"{decision.client} found no node of {decision.cluster}{_others(decision, '', {})}"
    last = decision.attempts[-1]
    if last.failure and last.why == "port":
        tried = _tried(decision.attempts)
        return f"{decision.client} connected to a port of {last.node}'s, which did not take it: {tried}"
    if last.failure:
        return f"{decision.client} was served by no node of {decision.cluster}: {_tried(decision.attempts)}"
    return f"{decision.client} went to node {last.node}: {_reason(decision, {})}"


def forecast(decision: DecisionReport, down: Mapping[NodeKey, str]) -> str:
    """One line for a decision that would be taken now. `down`: what to say of nodes that are down."""
    if not decision.attempts:
        return f"{decision.client} would find no node of {decision.cluster}{_others(decision, '', down)}"
    return f"{decision.client} would go to node {decision.attempts[-1].node}: {_reason(decision, down)}"


def _tried(attempts: Sequence[AttemptReport]) -> str:
    return ", ".join(f"{attempt.node} {_failure(attempt)}" for attempt in attempts)


def _failure(attempt: AttemptReport) -> str:
    said = _FAILED.get(attempt.failure) or attempt.failure.replace("-", " ")
    return f"{said} after {span(attempt.after_ms)}"


def _reason(decision: DecisionReport, down: Mapping[NodeKey, str]) -> str:
    choice = _of_choice(decision, down)
    return f"{_name(decision)}; {choice}" if decision.server_name else choice


def _name(decision: DecisionReport) -> str:
    """Why this cluster, where a name was asked for."""
    if not decision.server_pattern:
        return f"it asked for {decision.server_name}, which has no cluster of its own"
    pattern = "" if decision.server_pattern == decision.server_name else f" ({decision.server_pattern})"
    return f"it asked for {decision.server_name}{pattern}, which is {decision.cluster}'s"


def _of_choice(decision: DecisionReport, down: Mapping[NodeKey, str]) -> str:
    *failed, last = decision.attempts
    after = f"{_home(decision, down)}; tried before: {_tried(failed)}" if failed else _home(decision, down)
    match last.why:
        case "affinity":
            return f"home by affinity{after}"
        case "policy":
            return _choice(decision, last.node, down) + after
        case "fallback":
            if decision.home_skipped and not failed:
                return f"fallback{_home(decision, down)}"
            whom = failed[-1].node if failed else _unusable(decision)
            return f"fallback{f' of {whom}' if whom and not failed else ''}{after}"
        case "next":
            return f"next in the policy's order{after}"
        case "port":
            return f"the port it connected to is {last.node}'s{after}"
        case "last-resort":
            return f"last resort, all nodes are down{after}"
        case other:
            return f"{other}{after}"


def _home(decision: DecisionReport, down: Mapping[NodeKey, str]) -> str:
    """Where the client would rather have gone."""
    if not decision.home_skipped:
        return ""
    said = down.get((decision.cluster, decision.home)) if decision.home_skipped == "down" else None
    return f"; its home {decision.home} is {said or _skipped(decision.home_skipped)}"


def _unusable(decision: DecisionReport) -> str:
    """The node whose fallback was asked without an attempt: known only if just one was passed over."""
    skipped = [candidate for candidate in decision.candidates if candidate.skipped]
    return f"{skipped[0].node} ({_skipped(skipped[0].skipped)})" if len(skipped) == 1 else ""


def _choice(decision: DecisionReport, chosen: str, down: Mapping[NodeKey, str]) -> str:
    others = _others(decision, chosen, down)
    rule = _COMPARES.get(decision.policy)
    if rule is None:
        return _WITHOUT_VALUES.get(decision.policy, f"chosen by {decision.policy}") + others
    value = next((c.value for c in decision.candidates if c.node == chosen and not c.skipped), None)
    compared = rule.rstrip(",") if value is None else f"{rule} {number(value)}"
    return compared + others


def _others(decision: DecisionReport, chosen: str, down: Mapping[NodeKey, str]) -> str:
    """The rest of the candidates in parentheses, and how many more there were."""
    rest = [candidate for candidate in decision.candidates if candidate.node != chosen]
    shown = [text for candidate in rest if (text := _candidate(decision, candidate, down))]
    unlisted = decision.nodes - len(decision.candidates)
    if unlisted > 0 and shown:
        shown.append(f"and {unlisted} more")
    return f" ({', '.join(shown)})" if shown else ""


def _candidate(decision: DecisionReport, candidate: CandidateReport, down: Mapping[NodeKey, str]) -> str:
    if candidate.skipped:
        said = down.get((decision.cluster, candidate.node)) if candidate.skipped == "down" else None
        return f"{candidate.node} {said or _skipped(candidate.skipped)}"
    if candidate.value is None or decision.policy not in _COMPARES:
        return ""
    return f"{candidate.node} {number(candidate.value)}"


def _skipped(word: str) -> str:
    return _SKIPPED.get(word, word)


def number(value: float) -> str:
    """Short, and exact enough to compare: two decimals below a hundred, none above."""
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
