"""Asks a running balancer over its admin socket.

A change that got no answer is sent again with the same transaction id, on a geometric schedule: the
balancer answers the second one like the first and changes nothing twice. Where nobody listens at all,
waiting would not help, and the user is told at once.
"""

from __future__ import annotations

import http.client
import secrets
import socket
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from protobalance.api.errors import ErrorAnswer
from protobalance.api.operation import Input, Operation, Order, Output
from protobalance.cli.failure import CommandFailed
from protobalance.cli.screen.problems import problem_lines

PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds between attempts: 3 s in all, a restart's length
PATIENCE = 60.0  # seconds for one answer; a large plan with names to resolve takes its time


def new_transaction() -> str:
    """An id that no other request has."""
    return secrets.token_hex(8)


class Client:
    """One balancer, reached through `path`."""

    def __init__(self, path: Path, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.path = path
        self._pause = pause

    def ask(self, operation: Operation[Input, Output], value: Input) -> Output:
        """The operation's answer, decoded."""
        return msgspec.json.decode(self.ask_raw(operation, value), type=operation.output)

    def ask_raw(self, operation: Operation[Input, Output], value: Input) -> bytes:
        """The operation's answer as JSON. Raises `CommandFailed` with the reason if there is none."""
        if isinstance(value, Order) and not value.transaction:
            value = msgspec.structs.replace(value, transaction=new_transaction())
        target, body = _request(operation, value)
        status, answer = self._sent(operation.method, target, body)
        if status == 200:
            return answer
        raise _refused(status, answer)

    def _sent(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        lost: Exception | None = None
        for pause in (*PAUSES, None):
            try:
                return self._exchange(method, target, body)
            except (FileNotFoundError, ConnectionRefusedError) as error:
                if lost is None:
                    self._nobody_there(error)
                lost = error
            except PermissionError:
                raise CommandFailed(
                    f"you may not use the admin socket {self.path}: it belongs to the balancer's user",
                    "run the command as that user (sudo -u USER protobalance …)",
                ) from None
            except (OSError, http.client.HTTPException) as error:
                lost = error  # asked, and no answer: a restart, a full queue, a time-out
            if pause is not None:
                self._pause(pause)
        raise CommandFailed(
            f"the balancer at {self.path} did not answer ({type(lost).__name__}: {lost})",
            "whether a change was carried out: protobalance history",
        )

    def _exchange(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        connection = _UnixConnection(self.path)
        try:
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _nobody_there(self, error: OSError) -> NoReturn:
        if isinstance(error, FileNotFoundError):
            what = "there is no such socket"
        else:
            what = "nobody listens there any more" if self.path.is_socket() else "this is no socket"
        raise CommandFailed(
            f"no balancer is running at {self.path}: {what}",
            "start one with: protobalance run FILE",
            "or name its socket (its ready line tells it): --socket PATH, or PROTOBALANCE_SOCKET=PATH",
            'one with admin.socket = "off" has none: it listens to signals alone',
        ) from None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _request(operation: Operation[Input, Output], value: Input) -> tuple[str, bytes | None]:
    if operation.method == "POST":
        return operation.path, msgspec.json.encode(value)
    fields = msgspec.to_builtins(value)
    query = urllib.parse.urlencode({key: _in_query(item) for key, item in fields.items()})
    return f"{operation.path}?{query}" if query else operation.path, None


def _in_query(item: object) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)


def _refused(status: int, body: bytes) -> CommandFailed:
    try:
        refusal = msgspec.json.decode(body, type=ErrorAnswer)
    except msgspec.MsgspecError:
        return CommandFailed(f"the balancer answered {status}, which this version does not understand")
    place = f"{refusal.where}: " if refusal.where else ""
    lines = (f"{place}{refusal.what}", *problem_lines(refusal.problems), refusal.hint)
    return CommandFailed(*lines, answer=body)
