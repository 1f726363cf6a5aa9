"""Text from outside is read, never obeyed."""

from __future__ import annotations

import io
import json
import logging
import unicodedata

import msgspec
import pytest

from protobalance.cli.screen.ink import harmless
from protobalance.control.operator_log import OperatorLog, to_logging, to_stream
from protobalance.control.outside_text import STEERING, in_json, one_line

# All that Unicode calls a control, a separator of lines or paragraphs, or half of a pair.
CONTROLS = [
    chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Zl", "Zp", "Cs"}
]
# What turns the direction of writing: bidirectional formatting characters (UAX #9, 2).
TURNS = [
    chr(code)
    for code in range(0x110000)
    if unicodedata.bidirectional(chr(code)) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
]
HOSTILE = "".join(CONTROLS + TURNS)
PLAIN = "größe 東京 host-1.example.org [::1]:80"


def test_nothing_that_steers_is_left() -> None:
    assert [each for each in CONTROLS + TURNS if not STEERING.fullmatch(each)] == []
    for clean in (one_line(HOSTILE), harmless(HOSTILE)):
        assert not STEERING.search(clean)
    assert one_line(PLAIN) == harmless(PLAIN) == PLAIN


def test_what_steered_can_still_be_read() -> None:
    assert one_line("a\x1b[31mb\u202ec\udc9fd\ne") == "a\\x1b[31mb\\u202ec\\udc9fd / e"


def test_the_operators_log_is_lines_whatever_is_said(caplog: pytest.LogCaptureFixture) -> None:
    out = io.StringIO()
    OperatorLog(to_stream(out, journal=False)).error(HOSTILE)
    with caplog.at_level(logging.INFO, "protobalance"):
        OperatorLog(to_logging()).error(HOSTILE)
    for line in (out.getvalue().removesuffix("\n"), caplog.record_tuples[0][2]):
        assert not STEERING.search(line)


def test_json_means_the_same_and_steers_nobody() -> None:
    words = HOSTILE.encode(errors="ignore").decode()
    document = msgspec.json.format(msgspec.json.encode({"words": [words, PLAIN]}), indent=2).decode()
    clean = in_json(document)
    assert {found[0] for found in STEERING.finditer(clean)} == {"\n"}
    assert json.loads(clean) == {"words": [words, PLAIN]}
