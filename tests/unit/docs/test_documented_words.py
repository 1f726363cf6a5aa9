"""No word that an operator may meet in a log or an answer is without its meaning, and none is explained that
does not exist. The words are read from where they are made: the Rust sources and the control plane.
"""

from __future__ import annotations

import re
from typing import get_args

import pytest

from protobalance.config.cluster import AdminState, PolicyName
from protobalance.config.kinds import STATISTICS
from protobalance.control import source_ports
from protobalance.control.chronicle import Kind
from protobalance.control.load_ratings import NodeStats
from unit.docs.pages import source_of, text_of, words

OPERATIONS, EXPLAIN = text_of("docs/operations.md"), text_of("docs/explain.md")
CORE, ENGINE = source_of("core"), source_of("engine")
EVENTS, RATINGS = text_of("docs/reference/events.md"), text_of("docs/load-ratings.md")


def _made_by(kind: str) -> list[str]:
    """The words that the arms `KIND::Variant => "word"` give."""
    found = re.findall(rf'\b{kind}::\w+ => "([a-z0-9-]+)"', CORE)
    assert found, f"the words of {kind} are no longer made as this test knows"
    return found


def _events() -> list[str]:
    body = re.search(r"pub enum Event \{(.*?)^\}", ENGINE, re.MULTILINE | re.DOTALL)
    assert body
    return [re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in re.findall(r"(\w+) \{", body[1])]


def _limits() -> list[str]:
    """A limit's word stands in a constant, or where it is told."""
    told = set(re.findall(r'limit: "([a-z-]+)"', ENGINE)) | set(re.findall(r'word: "([a-z-]+)"', ENGINE))
    assert len(re.findall(r"::LimitReached \{", ENGINE)) == 2, "another place tells a limit: look how"
    return sorted(told | {source_ports.WORD})


def _fields_of_the_log() -> list[str]:
    body = re.search(r"fn write_json.*?json!\(\{(.*?)\}\)", ENGINE, re.DOTALL)
    assert body
    return re.findall(r'^\s+"(\w+)": ', body[1], re.MULTILINE)


@pytest.mark.parametrize(
    ("said", "explained"),
    [
        (_made_by("CloseReason"), words(OPERATIONS, "reason")),
        ([*_made_by("Failure"), *_made_by("TlsFault")], words(OPERATIONS, "failure")),
        (_fields_of_the_log(), words(OPERATIONS, "field")),
        (get_args(AdminState), words(OPERATIONS, "state")),
        (_events(), words(EVENTS, "event")),
        (_limits(), words(EVENTS, "limit")),
        (get_args(Kind), words(EVENTS, "kind")),
        (
            [*_made_by("Why"), *_made_by("Skip")],
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


@pytest.mark.parametrize("field", NodeStats.__struct_fields__)
def test_what_a_rating_function_is_told(field: str) -> None:
    assert f"`{field}`" in RATINGS
