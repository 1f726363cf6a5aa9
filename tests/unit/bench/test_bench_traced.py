"""What strace printed, in columns."""

from __future__ import annotations

from collections import Counter

from bench.traced import counted
from bench.workloads.system_calls import COLUMNS, in_columns

PRINTED = """\
    calls syscall
--------- ----------------
      200 recvfrom
       90 sendto
       10 brk
--------- ----------------
      300 total
"""


def test_calls_are_counted_by_name() -> None:
    assert counted(PRINTED) == {"recvfrom": 200, "sendto": 90, "brk": 10}


def test_every_call_is_in_one_column_and_all_of_them_in_the_sum() -> None:
    columns = in_columns(Counter(counted(PRINTED)), 100)
    assert (columns["read"], columns["write"], columns["other"], columns["all"]) == (2, 0.9, 0.1, 3)
    names = [name for column in COLUMNS.values() for name in column]
    assert len(names) == len(set(names))
