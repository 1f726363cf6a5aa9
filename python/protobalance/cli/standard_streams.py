"""Standard streams that the caller closed, or that cannot be written any more. The law: whoever cannot be
told something is no reason to fail, nor is what was meant for them ever written to a socket.
"""

# pathlib would cost milliseconds of every start.
# ruff: noqa: PTH123, SIM115

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, TypeVar, cast

Given = TypeVar("Given")


def have_all() -> None:
    """Closed ones (`>&-`, `2>&-`) lead nowhere from now on. Otherwise the next file or connection would get
    their numbers, and what is said to them. In the order of their numbers, since the lowest is given.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, "w" if number else "r")
            os.set_inheritable(nowhere.fileno(), True)  # noqa: FBT003 - as standard streams are
            setattr(sys, name, nowhere)


class Output:
    """Standard output for as long as the `with` lasts, and its last failure, which no `OSError` tells from
    others.
    """

    def __init__(self) -> None:
        self._stream: TextIO = sys.stdout
        self.failure: OSError | None = None

    def __enter__(self) -> Output:
        sys.stdout = cast(TextIO, self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout = self._stream

    def write(self, text: str) -> int:
        return self._noted(self._stream.write, text)

    def flush(self) -> None:
        self._noted(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _noted(self, call: Callable[..., Given], *values: str) -> Given:
        try:
            return call(*values)
        except OSError as error:
            self.failure = error
            raise


def forget_output() -> None:
    """What is still buffered for standard output must not fail again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
