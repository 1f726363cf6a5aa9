"""One thing worth knowing is one line."""

from __future__ import annotations

import io
import logging

import pytest

from protobalance.control.operator_log import OperatorLog, to_logging, to_stream


def test_a_line_has_its_level_and_for_the_journal_its_priority() -> None:
    out = io.StringIO()
    OperatorLog(to_stream(out, journal=False)).warning("node down")
    OperatorLog(to_stream(out, journal=True)).error("worker lost")
    assert out.getvalue() == "protobalance: warning: node down\n<3>protobalance: error: worker lost\n"


def test_text_from_outside_forges_no_line() -> None:
    out = io.StringIO()
    OperatorLog(to_stream(out, journal=False)).info("said a\nprotobalance: error: b\r")
    assert out.getvalue().count("\n") == 1


def test_a_log_that_is_gone_stops_nothing() -> None:
    out = io.StringIO()
    out.close()
    OperatorLog(to_stream(out, journal=False)).info("nobody reads this")


def test_inside_a_program_it_is_the_programs_logging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "protobalance"):
        OperatorLog(to_logging()).error("100 % down")
    assert caplog.record_tuples == [("protobalance", logging.ERROR, "100 % down")]
