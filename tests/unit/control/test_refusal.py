"""What is said of a name that is not there."""

from __future__ import annotations

import pytest

from protobalance.control.refusal import unknown


@pytest.mark.parametrize(
    ("name", "known", "remedy"),
    [
        ("wbe", ["web", "mail"], "did you mean 'web'?"),
        ("web/x", ["web/a", "web/b"], "there are: web/a, web/b"),  # a guess would be a draw
        ("web/bleu", ["web/blue", "web/green"], "did you mean 'web/blue'?"),
        ("zzz", ["web"], "there are: web"),
        ("web", [], "there are none"),
        (
            "zzz",
            [f"n{number:02}" for number in range(13)],
            f"there are: {', '.join(f'n{n:02}' for n in range(12))}, …",
        ),
    ],
)
def test_a_guess_only_where_one_name_is_nearest(name: str, known: list[str], remedy: str) -> None:
    assert unknown("node", name, known).remedy == remedy
