"""The page about the API is the one that the code would write."""

from __future__ import annotations

from pathlib import Path

from protobalance.api import reference

PAGE = Path(__file__).parents[3] / "docs/reference/api.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference.document(), (
        "write it anew: python -m protobalance.api.reference > the page"
    )
