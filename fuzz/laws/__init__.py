"""What must hold for whatever comes from outside and is read in Python, as `fuzz/src` has it for Rust.

A *law* takes any bytes and raises where it is broken. `test_laws.py` plays the corpus and seeded mutations
of it; `guided.py` lets atheris look for inputs that reach new code.
"""

from __future__ import annotations

from collections.abc import Callable

from laws import admin_requests, agent_answers, configuration

LAWS: dict[str, Callable[[bytes], None]] = {
    "admin_requests": admin_requests.holds,
    "agent_answers": agent_answers.holds,
    "configuration": configuration.holds,
}
