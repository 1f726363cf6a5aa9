"""One web server of the demo: answers every request with its name. Ends when its standard input does, so it
cannot outlive the demo, not even one that was killed.
"""

from __future__ import annotations

import asyncio
import os
import sys


async def _answer(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        body = f"hello from node {name}, process {os.getpid()}\n".encode()
        head = (
            f"HTTP/1.1 200 OK\r\nX-Node: {name}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass  # a client that went away, or no client at all
    finally:
        writer.close()


async def _serve(name: str, port: int) -> None:
    server = await asyncio.start_server(lambda r, w: _answer(name, r, w), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    parent_gone = loop.create_future()
    loop.add_reader(sys.stdin.fileno(), parent_gone.set_result, None)
    await parent_gone


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
