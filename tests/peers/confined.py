"""A balancer that root starts and that becomes another user, and what the kernel then says of it."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import protobalance
from peers.command import Command, running
from peers.wish import Config

NOBODY = pwd.getpwnam("nobody")
PACKAGES = [path for path in sys.path if "site-packages" in path]
SOURCES = str(Path(protobalance.__file__).parents[1])


def python_for_everybody() -> str:
    """An interpreter that the user nobody may read, of the version that the packages are for."""
    found = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    assert found, "this test needs a Python that every user may read, such as Debian's"
    return found


EVERYBODY = {"PYTHONPATH": os.pathsep.join([SOURCES, *PACKAGES]), "PYTHONDONTWRITEBYTECODE": "1"}


def program_for_everybody(folder: Path) -> str:
    """The command, which an upgrade starts again."""
    program = folder / "protobalance"
    main = "import sys\nfrom protobalance.cli.entry import main\nsys.exit(main())\n"
    program.write_text(f"#!{python_for_everybody()}\n{main}")
    program.chmod(0o755)
    return str(program)


def as_root(config: Config, folder: Path, *under: str) -> AbstractContextManager[Command]:
    """Its admin socket is in a folder that it makes itself."""
    return running(
        config,
        folder,
        under=under,
        program=program_for_everybody(folder),
        environment=EVERYBODY,
        socket=folder / "run/admin.sock",
    )


def threads(command: Command) -> Iterator[dict[str, str]]:
    """What the kernel says of each thread of the balancer."""
    return threads_of(command.balancer())


def threads_of(process: int) -> Iterator[dict[str, str]]:
    """What the kernel says of each."""
    for task in Path(f"/proc/{process}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield {name: " ".join(rest.split()) for name, _, rest in (line.partition(":") for line in lines)}
