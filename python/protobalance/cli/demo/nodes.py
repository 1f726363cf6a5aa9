"""The demo's nodes as processes: started, killed, started again on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence

from protobalance.cli.failure import CommandFailed

START_TIMEOUT = (
    20.0  # seconds for a Python to start; a fraction of one everywhere but on a machine in trouble
)


class WebNode:
    """One `web_node` process, or the place where it was."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0  # 0: not known yet, the kernel chooses
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the running process; 0 if there is none."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Starts it and waits until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "protobalance.cli.demo.web_node", self.name, str(self.port),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            process_group=0,  # the terminal's Ctrl-C is ours to handle, not the nodes'
        )  # fmt: skip
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        async with asyncio.timeout(START_TIMEOUT):
            announced = await self._process.stdout.readline()
        if not announced:
            raise CommandFailed(f"the demo's node {self.name} did not start")
        self.port = int(announced)

    async def kill(self) -> None:
        """Ends it as a crash would."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def running(names: Sequence[str]) -> AsyncIterator[dict[str, WebNode]]:
    """Nodes by name, all listening; none is left at the end."""
    nodes = {name: WebNode(name) for name in names}
    try:
        async with asyncio.TaskGroup() as starting:
            for node in nodes.values():
                starting.create_task(node.start())
        yield nodes
    finally:
        for node in nodes.values():
            await node.kill()
