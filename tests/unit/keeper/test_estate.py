"""A descriptor is open as long as an estate holds it, and no longer."""

from __future__ import annotations

import os

import pytest

from protobalance.keeper.estate import Estate


def one() -> int:
    return os.open("/dev/null", os.O_RDONLY)


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_it_is_closed_when_it_is_dropped_or_replaced() -> None:
    first, second = one(), one()
    estate = Estate({"a": first})
    estate.hold({"a": second})
    assert (is_open(first), is_open(second)) == (False, True)
    estate.drop(["a", "unknown"])
    assert not is_open(second)
    assert list(estate) == []


def test_a_copy_may_be_changed_and_forgotten_without_harm() -> None:
    first, second = one(), one()
    estate = Estate({"a": first})
    copy = estate.copy()
    copy.hold({"b": second})
    copy.drop(["a"])
    assert (estate.numbers(), copy.numbers()) == ({"a": first}, {"b": second})
    assert is_open(first)
    del copy
    assert (is_open(first), is_open(second)) == (True, False)
    del estate
    assert not is_open(first)


def test_what_is_surrendered_is_the_callers() -> None:
    number = one()
    estate = Estate({"a": number})
    other = estate.copy()
    assert estate.surrender() == {"a": number}
    del estate, other
    assert is_open(number)
    os.close(number)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(number)
