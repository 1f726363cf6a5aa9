"""What a start waits for: the modules that exist before a keeper forks, before the first connection is
accepted, and in a process that forwards. A module costs every start its share of milliseconds, and every
process its share of memory; the lists here are to grow only on purpose.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from unit.control.conftest import FILE

STOP = """
import os, sys
def stop(*_):
    print(*sys.modules, flush=True)
    os._exit(0)
"""
BEFORE_THE_FORK = """
os.fork = stop
from protobalance.cli import main
main(["run", sys.argv[1]])
"""
BEFORE_TRAFFIC = """
from protobalance.control.engine_port import CompiledEngine
CompiledEngine.apply = stop
from protobalance.cli import main
main(["run", "--alone", sys.argv[1]])
"""

# What only questions, errors and rare tasks need, ours and others'.
ADMIN = {"asyncio", "starlette", "uvicorn", "anyio", "logging", "http", "email", "ssl", "hashlib"}
RARE = {"difflib", "glob", "dataclasses", "subprocess", "tempfile", "shutil", "random", "secrets"}
OURS_AFTER_TRAFFIC = {
    *("supervisor", "process", "background", "status", "observation", "preview", "changes", "impact"),
    *("transactions", "health", "rating_agent", "rating_function", "answers_of_config"),
}


def loaded(tmp_path: Path, program: str) -> set[str]:
    """Modules by the time the program stops itself, of ours with their whole names."""
    file = tmp_path / "file.toml"
    file.write_text(f'[engine]\nconfine = false\n[admin]\nsocket = "{tmp_path}/admin.sock"\n{FILE}')
    done = subprocess.run(
        [sys.executable, "-c", STOP + program, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def before_traffic(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return loaded(tmp_path_factory.mktemp("traffic"), BEFORE_TRAFFIC)


def test_traffic_waits_for_no_module_that_only_questions_need(before_traffic: set[str]) -> None:
    assert "protobalance._engine" in before_traffic
    assert before_traffic & (ADMIN | RARE) == set()
    ours = {f"protobalance.control.{name}" for name in OURS_AFTER_TRAFFIC}
    assert before_traffic & ours == set()
    assert {name for name in before_traffic if name.startswith("protobalance.cli.screen")} == set()


def test_a_keeper_knows_no_configuration_and_no_engine(tmp_path: Path) -> None:
    names = loaded(tmp_path, BEFORE_THE_FORK)
    assert names & (ADMIN | RARE | {"tomllib"}) == set()
    assert {name for name in names if name.startswith("protobalance.") and not name.endswith("__")} == {
        "protobalance.cli",
        "protobalance.cli.entry",
        "protobalance.cli.failure",
        "protobalance.cli.kept",
        "protobalance.cli.options",
        "protobalance.cli.parser",
        "protobalance.cli.verbs",
        "protobalance.cli.verbs.run",
        "protobalance.control",
        "protobalance.control.operator_log",
        "protobalance.control.outside_text",
        "protobalance.control.refusal",
        "protobalance.control.systemd",
        "protobalance.keeper",
        "protobalance.keeper.backoff",
        "protobalance.keeper.child",
        "protobalance.keeper.deaths",
        "protobalance.keeper.estate",
        "protobalance.keeper.keeper",
        "protobalance.keeper.kept",
        "protobalance.keeper.messages",
        "protobalance.keeper.upgrade",
    }
