"""The REST interface, derived from the registry: JSON in, JSON out, nothing unknown accepted.

A short question takes its input from the query string, everything else from a JSON body. The supervisor
carries out changes one at a time. They wait for each other before they have a thread, so questions do not
wait for them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

import msgspec

from protobalance.api import openapi
from protobalance.api.errors import Code, ErrorAnswer, Malformed, refusal_of
from protobalance.api.exchange import JSON, Answer, Application, Asked
from protobalance.api.operation import AnyOperation
from protobalance.api.registry import OPERATIONS

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

DESCRIPTION = "/v1/openapi.json"

log = logging.getLogger(__name__)


def application(supervisor: Supervisor, threads: Executor) -> Application:
    """Every operation of the registry, carried out in `threads`, and their description."""
    operations = {operation.path: operation for operation in OPERATIONS}
    changing = asyncio.Lock()
    allowed = {DESCRIPTION: "GET", **{path: operation.method for path, operation in operations.items()}}

    async def answer(asked: Asked) -> Answer:
        path, _, query = asked.target.partition("?")
        path = unquote(path)
        method = "GET" if asked.method == "HEAD" else asked.method
        if method != allowed.get(path):
            return _not_an_operation(asked.method, path, allowed.get(path, ""))
        if path == DESCRIPTION:
            return Answer(200, _described())
        operation = operations[path]
        try:
            value = _input(operation, asked, query)
            # The supervisor may wait for the engine or for a name; the event loop must not.
            turn: AbstractAsyncContextManager[None] = changing if operation.mutating else nullcontext()
            async with turn:
                result = await asyncio.get_running_loop().run_in_executor(
                    threads, operation.handler, supervisor, value
                )
            return Answer(200, msgspec.json.encode(result))
        except Exception as error:  # noqa: BLE001 - the last net: what falls in here is logged and answered as ours
            return _refused(error, operation.name)

    return answer


def _refused(error: Exception, operation: str) -> Answer:
    status, refusal = refusal_of(error)
    if refusal.error == "internal":
        log.error("operation %s failed", operation, exc_info=error)
    return Answer(status, msgspec.json.encode(refusal))


def _input(operation: AnyOperation, asked: Asked, query: str) -> msgspec.Struct:
    given = _query(query)
    if operation.method == "GET":
        return _converted(operation, given)
    if given:
        raise Malformed("this operation takes no query", "query", "put the values into the JSON body")
    if asked.content_type.partition(";")[0].strip().lower() != JSON:
        # A form on a foreign web page can post, but not with this type.
        raise Malformed("the body is not declared as JSON", "Content-Type", f"send Content-Type: {JSON}", 415)
    try:
        decoded: msgspec.Struct = msgspec.json.decode(asked.body, type=operation.input)
    except msgspec.ValidationError as error:
        raise _mismatch(operation, error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            f"the body is not JSON: {error}", "body", f"see {operation.path} in {DESCRIPTION}"
        ) from None
    return decoded


def _query(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) != len(pairs):
        raise Malformed("a key is given more than once", "query", "give each key once")
    return given


def _converted(operation: AnyOperation, given: dict[str, str]) -> msgspec.Struct:
    try:
        converted: msgspec.Struct = msgspec.convert(given, operation.input, strict=False)
    except msgspec.ValidationError as error:
        raise _mismatch(operation, error, "query") from None
    return converted


def _mismatch(operation: AnyOperation, error: msgspec.ValidationError, where: str) -> Malformed:
    known = ", ".join(operation.input.__struct_fields__) or "none"
    return Malformed(str(error), where, f"{operation.path} takes: {known}", 422, "invalid")


@functools.cache
def _described() -> bytes:
    return msgspec.json.encode(openapi.document(OPERATIONS))


def _not_an_operation(method: str, path: str, allowed: str) -> Answer:
    status, what = (405, "this path takes another method") if allowed else (404, "there is no such path")
    code: Code = "malformed" if allowed else "unknown"
    refusal = ErrorAnswer(code, what, f"{method} {path}", f"see {DESCRIPTION}")
    return Answer(status, msgspec.json.encode(refusal), allow=allowed)
