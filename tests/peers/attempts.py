"""What somebody who has taken a balancer over would try, tried by a rating function within it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers.confined import NOBODY, as_root, wished
from peers.process import Address, wait_until, workplace

ATTEMPTS = """
import ctypes, errno, json, os, signal, socket, subprocess
from pathlib import Path

HERE = Path(__file__).parent
LIBC = ctypes.CDLL(None, use_errno=True)


def attempt(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done"


def call(number, *arguments):
    if LIBC.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def everything(nodes):
    outside, neighbour = json.loads((HERE / "attempts.json").read_text())
    outcomes = {
        "read outside": attempt(lambda: Path(outside, "secret").read_text()),
        "write outside": attempt(lambda: Path(outside, "new").write_text("x")),
        "write the configuration": attempt(lambda: Path(HERE, "new").write_text("x")),
        "run a program": attempt(lambda: subprocess.run(["/bin/true"], check=True)),
        "fork": attempt(fork),
        "signal a neighbour": attempt(lambda: os.kill(neighbour, 0)),
        "become root": attempt(lambda: os.setuid(0)),
        "trace": attempt(lambda: call(101, 16, neighbour, 0, 0)),
        "unshare": attempt(lambda: call(272, 0x10000000)),
        "load a program into the kernel": attempt(lambda: call(321, 0, 0, 0)),
        "keys": attempt(lambda: call(250, 0, -3, 0)),
        "talk to the kernel's ciphers": attempt(lambda: socket.socket(38, socket.SOCK_SEQPACKET).close()),
    }
    (HERE / "state/outcomes.json").write_text(json.dumps(outcomes))
    return {name: 1.0 for name in nodes}
"""


def outcomes(folder: Path, nodes: Mapping[str, Address], **engine: Any) -> dict[str, str]:
    """What became of each attempt that a rating function made from within."""
    config = wished(nodes, folder, user="nobody", **engine)
    config["clusters"]["c"] |= {
        "policy": "minimum-load",
        "load_rating": {"function": "attempts:everything", "interval": "100ms"},
    }
    (folder / "attempts.py").write_text(ATTEMPTS)
    folder.chmod(0o777)
    neighbour = subprocess.Popen(["sleep", "60"], user="nobody", group=NOBODY.pw_gid, extra_groups=[])
    with neighbour, workplace("outside") as outside:
        try:
            outside.chmod(0o777)
            (outside / "secret").write_text("x")
            (folder / "attempts.json").write_text(json.dumps([str(outside), neighbour.pid]))
            result = folder / "state/outcomes.json"
            with as_root(config, folder):
                wait_until(result.exists, "the function has tried")
                wait_until(lambda: bool(result.read_text()), "and has said so")
                told: dict[str, str] = json.loads(result.read_text())
                return told
        finally:
            neighbour.kill()
