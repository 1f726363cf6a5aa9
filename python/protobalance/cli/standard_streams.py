"""Standard streams that the caller closed, or that cannot be written any more. The law: whoever cannot be
told something is no reason to fail, nor is what was meant for them ever written to a socket.
"""

# pathlib would cost milliseconds of every start.
# ruff: noqa: PTH123, SIM115

from __future__ import annotations

import os
import sys


def have_all() -> None:
    """Closed ones (`>&-`, `2>&-`) lead nowhere from now on. Otherwise the next file or connection would get
    their numbers, and what is said to them. In the order of their numbers, since the lowest is given.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, "w" if number else "r")
            os.set_inheritable(nowhere.fileno(), True)  # noqa: FBT003 - as standard streams are
            setattr(sys, name, nowhere)


def forget_output() -> None:
    """What is still buffered for standard output must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
