"""A call that may hang: in its own daemon thread, waited for only so long, never twice at a time.

What hangs holds one thread and nothing else: not the event loop, not another caller, not the end of the
process (which the threads of an executor would hold up).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Overdue(Exception):  # noqa: N818 - a state, not an error
    """The call has not come back in time, or the one before it has not come back yet."""


class Outcome(Generic[_Result]):
    """What a call will have come to. Not a `concurrent.futures` one: that loads logging before traffic."""

    def __init__(self) -> None:
        self._returned = threading.Event()
        self._results: list[_Result] = []
        self._error: Exception | None = None

    @property
    def returned(self) -> bool:
        """Whether the call has come back."""
        return self._returned.is_set()

    def result(self, bound: float = 0.0) -> _Result:
        """The result, waiting at most `bound` seconds for it. Raises what the call raised, or `Overdue`."""
        if not self._returned.wait(bound):
            raise Overdue
        if self._error is not None:
            raise self._error
        return self._results[0]

    def run(self, function: Callable[[], _Result], tell: Callable[[], None]) -> None:
        """Make the call, then `tell`."""
        try:
            self._results.append(function())
        except Exception as error:  # noqa: BLE001 - whatever it was, whoever waits is told
            self._error = error
        except BaseException as error:  # noqa: BLE001 - a function that exits ends its thread, not the process
            self._error = RuntimeError(f"{type(error).__name__}: {error}")
        self._returned.set()
        tell()


class LoneCall(Generic[_Result]):
    """One place from which a function is called, one call at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._latest: Outcome[_Result] | None = None

    def start(
        self, function: Callable[[], _Result], tell: Callable[[], None] = lambda: None
    ) -> Outcome[_Result]:
        """Call `function` in its own thread, then `tell`. `Overdue` while an earlier call is out."""
        if self._latest is not None and not self._latest.returned:
            raise Overdue
        outcome: Outcome[_Result] = Outcome()
        self._latest = outcome
        threading.Thread(target=outcome.run, args=(function, tell), name=self._name, daemon=True).start()
        return outcome

    async def within(self, bound: float, function: Callable[[], _Result]) -> _Result:
        """The result, from an event loop. `Overdue` after `bound` seconds; the call then goes on alone."""
        import asyncio  # noqa: PLC0415 - whoever awaits has it loaded; a program without a loop need not

        loop = asyncio.get_running_loop()
        returned = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(returned.set)

        outcome = self.start(function, tell)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound):
                await returned.wait()
        return outcome.result()
