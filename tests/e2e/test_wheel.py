"""The wheel, in an empty environment: what a user installs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
def test_the_wheel_brings_a_working_command(tmp_path: Path) -> None:
    """`pip install` of the wheel alone gives `protobalance`, and it balances."""
    built = tmp_path / "dist"
    maturin = Path(sys.executable).with_name("maturin")
    subprocess.run(
        [maturin, "build", "--release", "--locked", "--quiet", "--out", built], cwd=ROOT, check=True
    )
    (wheel,) = built.glob("protobalance-*-abi3-*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True, cwd=tmp_path)
    command = python.with_name("protobalance")
    version = subprocess.run([command, "--version"], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert version.stdout.startswith("protobalance ")
    demo = subprocess.run(
        [command, "demo", "--once"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "no error" in demo.stdout
