"""atheris over one law: `fuzz/guided` calls it, with libFuzzer's arguments behind the law's name."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]  # not there until `make fuzz`

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "tests")]

with atheris.instrument_imports(include=["protobalance", "tomllib"]):
    from laws import LAWS

if __name__ == "__main__":
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, LAWS[name])
    atheris.Fuzz()
