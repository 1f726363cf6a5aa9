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
import protobalance.cli.foreground
from protobalance.control.engine_port import CompiledEngine
CompiledEngine.apply = stop
from protobalance.cli import main
main(["run", "--alone", sys.argv[1]])
"""

FORWARDING = """
import protobalance.cli.foreground
from protobalance.control import quiet
quiet._Quiet._wait = stop
from protobalance.cli import main
main(["run", "--alone", "--socket", "off", sys.argv[1]])
"""

# What only questions, errors and rare tasks need, ours and others'.
ADMIN = {"asyncio", "h11", "concurrent", "logging", "http", "email", "ssl", "hashlib"}
RARE = {"difflib", "glob", "dataclasses", "inspect", "subprocess", "tempfile", "shutil", "random", "secrets"}
OURS_AFTER_TRAFFIC = {
    *("supervisor", "process", "background", "status", "observation", "preview", "changes", "impact"),
    *(
        "transactions",
        "health",
        "rating_agent",
        "rating_function",
        "answers_of_config",
        "explain",
        "load_ratings",
    ),
}


def loaded(tmp_path: Path, program: str) -> set[str]:
    """Modules by the time the program stops itself, of ours with their whole names."""
    file = tmp_path / "file.toml"
    file.write_text(f'[engine]\nconfine = false\n[admin]\nsocket = "{tmp_path}/admin.sock"\n{FILE}')
    done = subprocess.run(
        [sys.executable, "-c", STOP + program, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def before_traffic(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return loaded(tmp_path_factory.mktemp("traffic"), BEFORE_TRAFFIC)


def test_traffic_waits_for_no_module_that_only_questions_need(before_traffic: set[str]) -> None:
    assert "protobalance._engine" in before_traffic
    assert before_traffic & (ADMIN | RARE) == set()
    ours = {f"protobalance.control.{name}" for name in OURS_AFTER_TRAFFIC}
    assert before_traffic & ours == set()
    assert {name for name in before_traffic if name.startswith("protobalance.cli.screen")} == set()


def test_a_keeper_carries_what_traffic_waits_for(tmp_path: Path, before_traffic: set[str]) -> None:
    names = loaded(tmp_path, BEFORE_THE_FORK)
    assert names & (ADMIN | RARE) == set()
    own = {f"protobalance.{name}" for name in ("cli.kept", "control.systemd")}
    keepers = {name for name in names if name.startswith("protobalance.keeper.")}
    assert names - before_traffic - own - keepers <= {"gc", "select", "signal", "resource"}
    # All of it, or the next balancer imports it while clients wait.
    assert {name for name in before_traffic - names if name.startswith("protobalance.")} == set()


def test_who_only_forwards_never_loads_what_answers(tmp_path: Path) -> None:
    names = loaded(tmp_path, FORWARDING)
    assert "protobalance.control.quiet" in names
    assert names & ADMIN == set()
    assert {
        name for name in names if name.startswith(("protobalance.api.r", "protobalance.api.server"))
    } == set()
