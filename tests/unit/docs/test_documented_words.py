"""No word that an operator may meet in a log or an answer is without its meaning, and none is explained that
does not exist. The words are read from where they are made: the Rust sources and the control plane.
"""

from __future__ import annotations

import re
from typing import get_args

import pytest

from protobalance.config.cluster import AdminState, PolicyName
from protobalance.config.kinds import STATISTICS
from protobalance.control.chronicle import Kind
from protobalance.control.load_ratings import NodeStats
from unit.docs.pages import ROOT, source_of, text_of, words

OPERATIONS, EXPLAIN = text_of("docs/operations.md"), text_of("docs/explain.md")
EVENTS, RATINGS = text_of("docs/reference/events.md"), text_of("docs/load-ratings.md")


def _made_by(kind: str, source: str) -> list[str]:
    """The words that the arms `KIND::Variant => "word"` give."""
    found = re.findall(rf'\b{kind}::\w+ => "([a-z0-9-]+)"', source_of(source))
    assert found, f"{source} no longer makes words of {kind} as this test knows"
    return found


def _events() -> list[str]:
    body = re.search(
        r"pub enum Event \{(.*?)^\}", source_of("engine/src/report.rs"), re.MULTILINE | re.DOTALL
    )
    assert body
    return [re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in re.findall(r"(\w+) \{", body[1])]


def _limits() -> list[str]:
    reached = re.findall(r'word: "([a-z-]+)"', source_of("engine/src/accept.rs"))
    others = re.findall(r'LimitReached \{ limit: "([a-z-]+)"', source_of("engine/src/session_log.rs"))
    assert reached
    assert others
    return reached + others


def _fields_of_the_log() -> list[str]:
    body = re.search(r"json!\(\{(.*?)\}\)", source_of("engine/src/log_line.rs"), re.DOTALL)
    assert body
    return re.findall(r'^\s+"(\w+)": ', body[1], re.MULTILINE)


@pytest.mark.parametrize(
    ("said", "explained"),
    [
        (_made_by("CloseReason", "core/src/session.rs"), words(OPERATIONS, "reason")),
        (_made_by("Failure", "core/src/session.rs"), words(OPERATIONS, "failure")),
        (_fields_of_the_log(), words(OPERATIONS, "field")),
        (get_args(AdminState), words(OPERATIONS, "state")),
        (_events(), words(EVENTS, "event")),
        (_limits(), words(EVENTS, "limit")),
        (get_args(Kind), words(EVENTS, "kind")),
        (
            [*_made_by("Why", "core/src/failover.rs"), *_made_by("Skip", "core/src/failover.rs")],
            words(EXPLAIN, "word"),
        ),
        (get_args(PolicyName), words(EXPLAIN, "policy")),
        (STATISTICS, words(RATINGS, "variable")),
    ],
    ids=[
        "reasons",
        "failures",
        "fields",
        "states",
        "events",
        "limits",
        "kinds",
        "choices",
        "policies",
        "ratings",
    ],
)
def test_every_word_is_explained_once(said: list[str], explained: list[str]) -> None:
    assert sorted(explained) == sorted(said)


def test_no_other_file_says_a_limit() -> None:
    """Or `_limits` would not see it."""
    sources = sorted((ROOT / "crates/engine/src").glob("*.rs"))
    saying = {path.name for path in sources if re.search(r"::LimitReached \{", path.read_text())}
    assert saying == {"accept.rs", "session_log.rs"}


@pytest.mark.parametrize("field", NodeStats.__struct_fields__)
def test_what_a_rating_function_is_told(field: str) -> None:
    assert f"`{field}`" in RATINGS
