"""A program that can be replaced while it runs: a script that starts the command as a version of its own."""

from __future__ import annotations

import sys
from pathlib import Path

_SCRIPT = """\
#!{python}
import sys
import protobalance
protobalance.__version__ = {version!r}
{sabotage}
from protobalance.cli import main
sys.exit(main())
"""


class Release:
    """The script at `path`."""

    def __init__(self, folder: Path, version: str = "1.0") -> None:
        self.path = folder / "protobalance"
        self.becomes(version)

    def becomes(self, version: str, sabotage: str = "") -> None:
        """Install a version, by renaming as package managers do; `sabotage` is run before it starts."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(_SCRIPT.format(python=sys.executable, version=version, sabotage=sabotage))
        fresh.chmod(0o755)
        fresh.replace(self.path)
