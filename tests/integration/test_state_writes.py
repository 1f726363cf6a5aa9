"""`kill -9` while a file of the state folder is written: what is read then is the old content or the new."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from protobalance.control.answers import HistoryEntry
from protobalance.control.history import History
from protobalance.control.overrides import OverridesFile

KILLS = 12
LONGEST = 0.02  # seconds of writing before the kill; one write takes a few milliseconds at most

OVERRIDES = """
from protobalance.control.overrides import *
file = OverridesFile(Path(sys.argv[1]))
for round in itertools.count():
    value = str(round % 2)
    entry = lambda n: Override("weight", f"c/n{n}", value, "9", 0.0, "x" * 100)
    assert file.save(Overrides(entry(n) for n in range(500))) == ""
"""
HISTORY = """
from protobalance.control.answers import HistoryEntry
from protobalance.control.history import *
history = History(Path(sys.argv[1]), warn=lambda line: sys.exit(line), rotate_at=100_000)
for round in itertools.count():
    history.add(HistoryEntry(0.0, round, "node", "c/n", "x" * 1000))
"""


def killed_while_writing(program: str, folder: Path, choice: random.Random) -> None:
    begin = "import itertools, sys\nfrom pathlib import Path\nprint(flush=True)\n"
    command = [sys.executable, "-c", begin + program, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        writer.stdout.readline()
        time.sleep(choice.random() * LONGEST)  # when it is killed is what is drawn; nothing waits for it
        writer.kill()


@pytest.fixture
def choice() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    return random.Random(seed)


def test_overrides_are_the_old_ones_or_the_new(tmp_path: Path, choice: random.Random) -> None:
    for _ in range(KILLS):
        killed_while_writing(OVERRIDES, tmp_path, choice)
        kept, trouble = OverridesFile(tmp_path).load()
        assert trouble == ""
        values = [entry.value for entry in kept]
        assert values in ([], ["0"] * 500, ["1"] * 500)
        assert {path.name for path in tmp_path.iterdir()} <= {"overrides.json", "overrides.new"}


def test_history_loses_the_entry_that_was_being_written_and_no_other(
    tmp_path: Path, choice: random.Random
) -> None:
    for _ in range(KILLS):
        killed_while_writing(HISTORY, tmp_path, choice)
        told: list[str] = []
        history = History(tmp_path, warn=told.append, rotate_at=100_000)
        history.add(HistoryEntry(0.0, 0, "node", "c/n", "after"))
        again = History(tmp_path, warn=told.append)
        assert told == []
        assert again.latest(1)[0].summary == "after"
        lines = [line for path in tmp_path.iterdir() for line in path.read_bytes().splitlines()]
        torn = [line for line in lines if not _is_entry(line)]
        assert len(torn) <= KILLS
        assert len(again.latest(10**6)) == len(lines) - len(torn)


def _is_entry(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=HistoryEntry)
    except msgspec.MsgspecError:
        return False
    return True
