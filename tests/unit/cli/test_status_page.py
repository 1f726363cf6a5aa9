"""The page of `status` on a narrow terminal, and what it says of a node's health."""

from __future__ import annotations

import msgspec
import pytest

from fakes.supervisor import NODE, STATUS
from protobalance.cli.screen.ink import Ink, width
from protobalance.cli.screen.status import node_health, page

PLAIN = Ink(coloured=False)


def test_a_narrow_terminal_still_shows_state_health_and_sessions() -> None:
    lines = page(STATUS, Ink(coloured=False, columns=80))
    head = next(line for line in lines if line.startswith("  node"))
    assert all(name in head for name in ("state", "health", "active", "failed"))
    assert "address" not in head
    assert "address" in lines[-1]
    assert all(width(line) <= 80 for line in lines[1:])


def test_without_a_limit_nothing_is_missing() -> None:
    page_of_all = "\n".join(page(STATUS, PLAIN))
    assert "no room" not in page_of_all
    assert all(name in page_of_all for name in ("address", "to client", "connect"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"health": "up"}, "up"),
        ({"admin_state": "available"}, "down (refused), retry in 1.5s"),
        ({"admin_state": "available", "retry_in_ms": 0}, "down (refused), retry is due"),
        ({"admin_state": "available", "down_reason": ""}, "down, retry in 1.5s"),
        ({"admin_state": "draining"}, "down (refused)"),  # takes no clients: nobody tries it
        ({"admin_state": "offline", "retry_in_ms": 0}, "down (refused)"),
        ({"address": "", "health": "up"}, "unresolved"),
    ],
)
def test_what_is_said_of_a_nodes_health(changes: dict[str, object], said: str) -> None:
    assert node_health(msgspec.structs.replace(NODE, **changes), PLAIN) == said
