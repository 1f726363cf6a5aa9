"""The page about the commands is the one that the code would write, and completion knows them all."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from protobalance.cli import reference
from protobalance.cli.parser import VERBS, actions, build, subparsers
from protobalance.cli.verbs.completion import script

PAGE = Path(__file__).parents[3] / "docs/reference/commands.md"
BASH = shutil.which("bash")


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference.document(), (
        "write it anew: python -m protobalance.cli.reference > the page"
    )


def test_every_argument_says_what_it_means() -> None:
    for name, verb in subparsers(build(list(VERBS))).items():
        for parser in (verb, *subparsers(verb).values()):
            for action in actions(parser):
                assert action.help or subparsers(parser), f"{name}: {action.dest}"


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], set(VERBS)),
        (["st"], {"status"}),
        (["status", "--"], {"--watch", "--json", "--socket"}),
        (["forward", "1", "--p"], {"--policy"}),
        (["completion", ""], {"bash", "zsh"}),
        (["node", "set", "--c"], {"--clear"}),
    ],
    ids=str,
)
def test_bash_is_offered_what_fits(words: list[str], offered: set[str]) -> None:
    ask = f"COMP_WORDS=(protobalance {' '.join(map(repr, words))}); COMP_CWORD={len(words)}; _protobalance"
    program = f'{script("bash")}\n{ask}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered
