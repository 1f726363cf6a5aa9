"""What only root may do. A test that is not root is skipped, and the last lines of the run say what was not
tested: the others can still be run by anyone.
"""

from __future__ import annotations

import os

import pytest


def need_root(why: str) -> None:
    """`why`: a sentence's beginning, such as "a network of its own"."""
    if os.geteuid() != 0:
        pytest.skip(f"not tested: {why} needs root")
