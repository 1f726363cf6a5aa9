"""SECURITY.md promises nothing that no test holds."""

from __future__ import annotations

import re

import pytest

from unit.docs.pages import ROOT, tables, text_of

PAGE = text_of("SECURITY.md")
ROWS = tables(PAGE, "threat")
NAMED = sorted(set(re.findall(r"`([\w/.-]+)::(\w+)`", PAGE)))


def test_every_threat_has_a_measure_and_a_test() -> None:
    assert len(ROWS) > 20
    assert [row[0] for row in ROWS if len(row) != 3 or "::" not in row[2]] == []


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists(path: str, name: str) -> None:
    form = {".py": rf"^def {name}\(", ".rs": rf"#\[test\]\s+fn {name}\("}[(ROOT / path).suffix]
    assert re.search(form, (ROOT / path).read_text(), re.MULTILINE)
