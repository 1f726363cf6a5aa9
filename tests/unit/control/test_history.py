"""History outlives the process, is bounded, and loses no more than a torn last line."""

from __future__ import annotations

from pathlib import Path

from protobalance.control.answers import HistoryEntry
from protobalance.control.history import FILE_NAME, History


def entry(number: int) -> HistoryEntry:
    return HistoryEntry(float(number), number, "apply", "configuration", f"change {number}")


def numbers(history: History) -> list[int]:
    return [each.generation for each in history.latest(1000)]


def test_it_is_read_again_newest_first(tmp_path: Path) -> None:
    first = History(tmp_path, warn=print)
    for number in range(3):
        first.add(entry(number))
    assert numbers(History(tmp_path, warn=print)) == [2, 1, 0]
    assert [each.generation for each in first.latest(1)] == [2]
    assert first.latest(0) == []


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    first = History(tmp_path, warn=print)
    first.add(entry(1))
    first.add(entry(2))
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:-10])
    second = History(tmp_path, warn=print)
    second.add(entry(3))
    assert numbers(History(tmp_path, warn=print)) == [3, 1]


def test_it_is_bounded_and_the_newest_survive(tmp_path: Path) -> None:
    history = History(tmp_path, warn=print, rotate_at=2000, in_memory=10)
    for number in range(200):
        history.add(entry(number))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2 * 2000 + 500
    assert numbers(history) == list(range(199, 189, -1))
    assert numbers(History(tmp_path, warn=print, in_memory=10)) == list(range(199, 189, -1))


def test_without_a_folder_it_is_in_memory(tmp_path: Path) -> None:
    history = History(None, warn=print)
    history.add(entry(1))
    assert numbers(history) == [1]


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "state").write_text("a file, not a folder")
    history = History(tmp_path / "state", warn=told.append)
    told.clear()
    history.add(entry(1))
    history.add(entry(2))
    assert len(told) == 1
    assert numbers(history) == [2, 1]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    History(tmp_path, warn=print).add(entry(1))
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
