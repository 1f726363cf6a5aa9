"""At once, then slower and slower, and at once again after one that lived."""

from __future__ import annotations

from protobalance.keeper.backoff import MOST, SOUND, Backoff


def test_it_doubles_up_to_a_bound() -> None:
    backoff = Backoff()
    assert [backoff.after(0.1) for _ in range(8)] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0, MOST]


def test_one_that_lived_is_followed_at_once() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(0.1)
    assert [backoff.after(SOUND), backoff.after(0.1), backoff.after(2 * SOUND)] == [0.0, 0.25, 0.0]
