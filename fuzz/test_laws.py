"""The corpus, and mutations of it from a seed: what `make test` runs of the fuzzing, and what plays a find
again. `FUZZ_SEED` and `FUZZ_COUNT` choose the mutations.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from laws import LAWS
from mutation import mutations

CORPUS = Path(__file__).parent / "corpus"
COUNT = 1500


@pytest.mark.parametrize("name", LAWS)
def test_a_law_holds_for_its_corpus_and_mutations_of_it(name: str) -> None:
    corpus = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    seed = int(os.environ.get("FUZZ_SEED") or random.randrange(1 << 48))
    count = int(os.environ.get("FUZZ_COUNT") or COUNT)
    for data in [*corpus, *mutations(corpus, seed, count)]:
        try:
            LAWS[name](data)
        except Exception as error:
            raise AssertionError(f"{name} broken by {data!r}, FUZZ_SEED={seed}") from error
