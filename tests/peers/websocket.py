"""A WebSocket server that sends back what it is sent and says first which node it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from peers.process import Address, text_of


@contextmanager
def echoing(name: str) -> Iterator[Address]:
    """A node of this name."""

    def echo(connection: ServerConnection) -> None:
        connection.send(name)
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[:2]
        finally:
            server.shutdown()
            thread.join()


def websocket(address: Address) -> ClientConnection:
    """A client; `with` closes it."""
    return connect(f"ws://{text_of(address)}/", proxy=None)
