"""Active checks: a TCP connect to each node, on a timer. The engine needs none of them for failover.

A node that expects a PROXY header gets one that says that the connection is our own, so that it neither
waits for it nor takes the check for a client's broken connection.

A check speaks for the node, not for us: what fails here for our own reasons (no descriptors, no ports)
is no outcome, and is not reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket

from protobalance.config.addresses import UNIX, split_host_port

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
# The words that the engine uses for the same failures.
_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ETIMEDOUT: "timed-out",
    errno.ENOENT: "refused",  # a Unix socket that is not there
}


# What says "this connection is my own" in each version of the PROXY protocol: UNKNOWN, and LOCAL.
HEADERS = {
    "off": b"",
    "v1": b"PROXY UNKNOWN\r\n",
    "v2": b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
}


async def check(address: str, bound: float, header: bytes = b"") -> str | None:
    """How a connect to a numeric address or `unix:/path` fails within `bound` seconds; empty if it does not.
    `header` is sent once it stands.

    `None` if it could not be tried for reasons of our own.
    """
    try:
        with contextlib.closing(_socket(address)) as probe:
            async with asyncio.timeout(bound):
                loop = asyncio.get_running_loop()
                await loop.sock_connect(probe, _target(address))
                if header:
                    await loop.sock_sendall(probe, header)
    except TimeoutError:
        return "timed-out"
    except OSError as error:
        if error.errno in OURS:
            return None
        return _WORDS.get(error.errno or 0, "unreachable")
    return ""


def _socket(address: str) -> socket.socket:
    if address.startswith(UNIX):
        family = socket.AF_UNIX
    else:
        family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


def _target(address: str) -> str | tuple[str, int]:
    return address.removeprefix(UNIX) if address.startswith(UNIX) else split_host_port(address)
