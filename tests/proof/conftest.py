"""A proof that is not there must not be taken for one that holds, nor leave anybody to guess."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

left_out: list[str] = []


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    left_out.extend(item.name for item in items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        terminalreporter.write_line(f"no proof is called that; there are: {', '.join(left_out)}")
