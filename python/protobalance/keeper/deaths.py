"""How a process ended, in words, from the status that waitpid(2) gives."""

from __future__ import annotations

import os
import signal

_HINTS = {
    signal.SIGKILL: "out of memory? the kernel's log says",
    signal.SIGSEGV: "a fault of ours: please report it",
    signal.SIGBUS: "a fault of ours, or of a disk: the kernel's log says",
    signal.SIGABRT: "a fault of ours: please report what it said before",
    signal.SIGXCPU: "a limit of its processor time",
    signal.SIGSYS: "a system call that its confinement forbids: please report it",
}


def words(status: int) -> str:
    """For instance "died of SIGKILL (out of memory? …)"."""
    if not os.WIFSIGNALED(status):
        return f"ended by itself with exit code {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = _HINTS.get(number)  # type: ignore[call-overload]  # Signals are integers
    return f"died of {name} ({hint})" if hint else f"died of {name}"


def exit_code(status: int) -> int:
    """As shells report it: 128 and the signal's number for a process that a signal ended."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
