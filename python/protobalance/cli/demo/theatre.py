"""Sets up everything the demo needs, has it played, and takes it all down again, whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
import math
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from protobalance.api.server import serve
from protobalance.cli.client import Client
from protobalance.cli.demo import nodes
from protobalance.cli.demo.play import CLUSTER, Cast, play, verdict
from protobalance.cli.demo.stage import Stage
from protobalance.cli.demo.traffic import Traffic
from protobalance.control.balancer import Balancer

NAMES = ("a", "b", "c")
COMMAND = "protobalance"
PACE = 3.2  # seconds an act lasts
PACE_ONCE = 1.8
CONFIGURATION = """\
[log]
sessions = "off"

[listeners.{cluster}]
bind = "127.0.0.1:0"
cluster = "{cluster}"

[clusters.{cluster}]
policy = "round-robin"
retry_interval = "1s"
"""
NODE = """
[clusters.{cluster}.nodes.{name}]
address = "127.0.0.1:{port}"
"""


async def perform(*, once: bool) -> None:
    """The whole evening. Raises `CommandFailed` if a client saw an error."""
    async with contextlib.AsyncExitStack() as end:
        folder = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="protobalance-demo-")))
        web = await end.enter_async_context(nodes.running(NAMES))
        file, socket = folder / "demo.toml", folder / "admin.sock"
        file.write_text(configuration({name: node.port for name, node in web.items()}))
        balancer = end.enter_context(Balancer(file))
        await end.enter_async_context(serve(balancer.supervisor, socket))
        _, port = balancer.address(CLUSTER)
        traffic = await end.enter_async_context(_flowing(Traffic(port)))
        cast = Cast(Client(socket), web, traffic, PACE_ONCE if once else PACE)
        stage = Stage(cast.moment)
        stage.say(f"clients -> 127.0.0.1:{port} -> nodes {', '.join(NAMES)}; configuration {file}")
        await play(cast, stage)
        stage.say("", stage.ink.bold(verdict(cast)))
        if not once:
            stage.say("", *invitation(port, socket, file), "")
            with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C is how it is meant to end
                await stage.show(math.inf)


@contextlib.asynccontextmanager
async def _flowing(traffic: Traffic) -> AsyncIterator[Traffic]:
    running = asyncio.create_task(traffic.run())
    try:
        yield traffic
    finally:
        running.cancel()
        await asyncio.wait({running})


def configuration(ports: Mapping[str, int]) -> str:
    """The demo's file, as a user would write it."""
    parts = [CONFIGURATION.format(cluster=CLUSTER)]
    parts += [NODE.format(cluster=CLUSTER, name=name, port=port) for name, port in ports.items()]
    return "".join(parts)


def invitation(port: int, socket: Path, file: Path) -> list[str]:
    """What to try next, ready to be pasted into another terminal."""
    return [
        "It stays up until Ctrl-C. Try, in another terminal:",
        "",
        *_way_to_the_command(),
        f"  export PROTOBALANCE_SOCKET={socket}",
        f"  curl http://127.0.0.1:{port}/",
        "  protobalance status",
        f"  protobalance node set {CLUSTER}/c available",
        f"  protobalance node set {CLUSTER}/a weight=5",
        "  protobalance explain 127.0.0.1",
        f"  edit {file}, then: protobalance plan; protobalance apply",
    ]


def _way_to_the_command() -> list[str]:
    """`make demo` runs it from a virtual environment that the other terminal need not know."""
    folder = Path(sys.executable).parent
    here = (folder / COMMAND).exists() and shutil.which(COMMAND) is None
    return [f"  export PATH={folder}:$PATH"] if here else []
