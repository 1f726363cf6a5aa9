"""`kill -9` while a file of the state folder is written: what is read then is the old content or the new.

The writer is killed before its first call into the kernel or the interpreter, before its second, and so on
until it gets through: no moment between two calls is left out. What a call leaves half done is in
`test_history.py`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from protobalance.control.answers import HistoryEntry
from protobalance.control.history import History
from protobalance.control.overrides import Override, Overrides, OverridesFile

MOST = 500  # calls that one write takes, by far


def killed_at_every_call(write: Callable[[], object]) -> Iterator[int]:
    """Run `write` in a process that is killed before its n-th call, for each n; `n` after each death."""
    for number in range(1, MOST):
        if not _killed(write, number):
            assert number > 10, "so few calls: the writer was not watched"
            return
        yield number
    raise AssertionError(f"it did not get through within {MOST} calls")


def _killed(write: Callable[[], object], before: int) -> bool:
    pid = os.fork()
    if pid == 0:
        calls = 0

        def watch(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "c_call"
            if calls == before:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(watch)
            write()
        finally:
            sys.setprofile(None)
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_overrides_are_the_old_ones_or_the_new(tmp_path: Path) -> None:
    def some(value: str) -> Overrides:
        return Overrides(Override("weight", f"c/n{n}", value, "9", 0.0, "me") for n in range(50))

    old, new = some("1"), some("2")
    file = OverridesFile(tmp_path)
    assert file.save(old) == ""
    seen = set()
    for number in killed_at_every_call(lambda: file.save(new)):
        kept, trouble = OverridesFile(tmp_path).load()
        assert trouble == "", number
        assert kept in (old, new), number
        seen.add(kept)
        assert {path.name for path in tmp_path.iterdir()} <= {"overrides.json", "overrides.new"}
        if kept == new:
            assert file.save(old) == ""
    assert seen == {old, new}


def test_history_has_the_entry_that_was_being_written_or_not_and_loses_no_other(tmp_path: Path) -> None:
    told: list[str] = []

    def entry(summary: str) -> HistoryEntry:
        return HistoryEntry(0.0, 0, "node", "c/n", summary)

    writer = History(tmp_path, warn=told.append)
    writer.add(entry("first"))
    before = 1
    for number in killed_at_every_call(lambda: writer.add(entry("another"))):
        found = [each.summary for each in History(tmp_path, warn=told.append).latest(1000)]
        assert len(found) - before in (0, 1), number
        assert found[-1] == "first", number
        before = len(found)
    assert before > 1, "it was killed after the entry was written, too"
    assert told == []
