"""A call that may hang: in its own daemon thread, waited for only so long, never twice at a time.

What hangs holds one thread and nothing else: not the event loop, not another caller, not the end of the
process (which the threads of an executor would hold up).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Overdue(Exception):  # noqa: N818 - a state, not an error
    """The call has not come back in time, or the one before it has not come back yet."""


class LoneCall(Generic[_Result]):
    """One place from which a function is called, one call at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: Future[_Result] | None = None

    def start(self, function: Callable[[], _Result]) -> Future[_Result]:
        """Call `function` in its own thread. `Overdue` while an earlier call has not come back."""
        if self._running is not None and not self._running.done():
            raise Overdue
        outcome: Future[_Result] = Future()
        self._running = outcome
        threading.Thread(target=_run, args=(function, outcome), name=self._name, daemon=True).start()
        return outcome

    async def within(self, bound: float, function: Callable[[], _Result]) -> _Result:
        """The result, from an event loop. `Overdue` after `bound` seconds; the call then goes on alone."""
        import asyncio  # noqa: PLC0415 - whoever awaits has it loaded; a program without a loop need not

        loop = asyncio.get_running_loop()
        returned = asyncio.Event()

        def tell(_outcome: Future[_Result]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(returned.set)

        outcome = self.start(function)
        outcome.add_done_callback(tell)
        try:
            async with asyncio.timeout(bound):
                await returned.wait()
        except TimeoutError:
            raise Overdue from None
        return outcome.result()


def _run(function: Callable[[], _Result], outcome: Future[_Result]) -> None:
    try:
        result = function()
    except Exception as error:  # noqa: BLE001 - whatever it was, whoever waits is told
        outcome.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - a function that exits ends its thread, not the process
        outcome.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
    else:
        outcome.set_result(result)
