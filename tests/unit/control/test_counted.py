"""Numbers with their nouns and verbs."""

from __future__ import annotations

from protobalance.control.counted import plural, sessions_go, until_end


def test_one_is_not_many() -> None:
    assert [plural(count, "change") for count in (0, 1, 2)] == ["0 changes", "1 change", "2 changes"]
    assert [sessions_go(count) for count in (1, 3)] == ["1 session goes", "3 sessions go"]


def test_an_end_of_one_and_of_several() -> None:
    assert [until_end(count) for count in (1, 3)] == ["it ends", "they end"]
    assert [until_end(count, by_itself=True) for count in (1, 3)] == [
        "it ends by itself",
        "they end by themselves",
    ]
