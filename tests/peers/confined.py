"""A balancer that root starts and that becomes another user, and what the kernel then says of it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import protobalance
from peers import pbload
from peers.command import Command, running
from peers.process import Address
from peers.records import logged
from peers.wish import Config, wish, written

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
    main = "import sys\nfrom protobalance.cli import main\nsys.exit(main())\n"
    program.write_text(f"#!{python_for_everybody()}\n{main}")
    program.chmod(0o755)
    return str(program)


def wished(nodes: Mapping[str, Address], folder: Path, *binds: str, **engine: Any) -> Config:
    """With its state and its log in `folder`."""
    config = wish(dict(nodes))
    config["listeners"]["in"]["bind"] = ["127.0.0.1:0", *binds]
    config["engine"] = {"state_dir": str(folder / "state"), "workers": 2} | engine
    return logged(config, folder / "log/sessions.log")


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


def refused(config: Config, folder: Path, *under: str) -> str:
    """What it says when it does not start."""
    file, socket = written(config, folder / "refused.toml"), folder / "run/admin.sock"
    done = subprocess.run(
        [*under, program_for_everybody(folder), "run", str(file), "--socket", str(socket)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env=os.environ | EVERYBODY,
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


def served(address: Address) -> bool:
    """Whether clients are, there."""
    result = pbload.connect(address, 5)
    return not result["errors"]


def threads(command: Command) -> Iterator[dict[str, str]]:
    """What the kernel says of each thread of the balancer."""
    return threads_of(command.balancer())


def threads_of(process: int) -> Iterator[dict[str, str]]:
    """What the kernel says of each."""
    for task in Path(f"/proc/{process}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield {name: " ".join(rest.split()) for name, _, rest in (line.partition(":") for line in lines)}
