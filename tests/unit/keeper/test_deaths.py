"""How a process ended, in words and as an exit code."""

from __future__ import annotations

import os
import signal

import pytest

from protobalance.keeper.deaths import exit_code, words


def ended(how: signal.Signals | int) -> int:
    """The status of a child that ended so."""
    pid = os.fork()
    if pid == 0:
        if isinstance(how, signal.Signals):
            signal.signal(how, signal.SIG_DFL) if how != signal.SIGKILL else None
            os.kill(os.getpid(), how)
        os._exit(int(how))
    return os.waitpid(pid, 0)[1]


@pytest.mark.parametrize(
    ("how", "said", "code"),
    [
        (signal.SIGKILL, "died of SIGKILL (out of memory? the kernel's log says)", 137),
        (signal.SIGTERM, "died of SIGTERM", 143),
        (0, "ended by itself with exit code 0", 0),
        (3, "ended by itself with exit code 3", 3),
    ],
)
def test_each_end_has_its_words(how: signal.Signals | int, said: str, code: int) -> None:
    status = ended(how)
    assert (words(status), exit_code(status)) == (said, code)


def test_a_signal_without_a_name_has_its_number() -> None:
    assert words(signal.SIGRTMIN + 3) == f"died of signal {signal.SIGRTMIN + 3}"
