"""Only the engine port imports the compiled module; import-linter cannot see one that is not Python."""

from __future__ import annotations

import ast
from pathlib import Path

import protobalance

PACKAGE = Path(protobalance.__file__).parent


def imports(path: Path) -> set[str]:
    """Every module that the file imports, wherever in it."""
    found: set[str] = set()
    for each in ast.walk(ast.parse(path.read_text())):
        if isinstance(each, ast.Import):
            found |= {name.name for name in each.names}
        elif isinstance(each, ast.ImportFrom) and each.module:
            found |= {each.module} | {f"{each.module}.{name.name}" for name in each.names}
    return found


def test_only_the_engine_port_imports_the_engine() -> None:
    importers = {path for path in PACKAGE.rglob("*.py") if "protobalance._engine" in imports(path)}
    assert importers == {PACKAGE / "control" / "engine_port.py"}
