"""How a scenario ends other than well."""

from __future__ import annotations


class Failed(Exception):  # noqa: N818 - a verdict, not an error of ours
    """What must be true was not; says what was seen instead."""


class NotApplicable(Exception):  # noqa: N818 - likewise
    """The system is not made for this; says why."""


def expect(truth: object, otherwise: str) -> None:
    """Fail with these words unless it is so."""
    if not truth:
        raise Failed(otherwise)


def reason_of(error: BaseException) -> str:
    """A verdict's reason in a few words, also where a scenario was cut short by an error of a socket."""
    match error:
        case Failed():
            return str(error)
        case ConnectionRefusedError():
            return "a client was refused"
        case ConnectionResetError():
            return "a connection was reset"
        case TimeoutError():
            return str(error) or "nothing happened for too long"
        case _:
            return f"{type(error).__name__}: {error}"
