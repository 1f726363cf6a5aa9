"""Numbers with their nouns and verbs."""

from __future__ import annotations

from protobalance.control.counted import plural, sessions_go


def test_one_is_not_many() -> None:
    assert [plural(count, "change") for count in (0, 1, 2)] == ["0 changes", "1 change", "2 changes"]
    assert [sessions_go(count) for count in (1, 3)] == ["1 session goes", "3 sessions go"]
