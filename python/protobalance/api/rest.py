"""The REST interface, derived from the registry: JSON in, JSON out, nothing unknown accepted.

A short question takes its input from the query string, everything else from a JSON body. The supervisor
carries out changes one at a time; questions do not wait for them.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from protobalance.api import openapi
from protobalance.api.errors import Code, ErrorAnswer, Malformed, refusal_of
from protobalance.api.operation import AnyOperation
from protobalance.api.registry import OPERATIONS

if TYPE_CHECKING:
    from protobalance.control.supervisor import Supervisor

BODY_LIMIT = 8 * 1024 * 1024  # bytes; a configuration of 50,000 nodes has about 5 MB
JSON = "application/json"

log = logging.getLogger(__name__)


def application(supervisor: Supervisor) -> Starlette:
    """Every operation of the registry, and their description at /v1/openapi.json."""
    routes = [
        Route(operation.path, _endpoint(operation, supervisor), methods=[operation.method])
        for operation in OPERATIONS
    ]
    routes.append(Route("/v1/openapi.json", _description, methods=["GET"]))
    paths = Starlette(routes=routes, exception_handlers={HTTPException: _not_an_operation})
    # A path with a slash too many is unknown; a redirection would be no answer in JSON.
    paths.router.redirect_slashes = False
    return paths


def _endpoint(operation: AnyOperation, supervisor: Supervisor) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            value = await _input(operation, request)
            # The supervisor may wait for the engine or for a name; the event loop must not.
            result = await anyio.to_thread.run_sync(operation.handler, supervisor, value)
            return Response(msgspec.json.encode(result), media_type=JSON)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        except Exception as error:  # noqa: BLE001 - the last net: what falls in here is logged and answered as ours
            return _refused(error, operation.name)

    return answer


def _refused(error: Exception, operation: str) -> Response:
    status, refusal = refusal_of(error)
    if refusal.error == "internal":
        log.error("operation %s failed", operation, exc_info=error)
    return Response(msgspec.json.encode(refusal), status_code=status, media_type=JSON)


async def _input(operation: AnyOperation, request: Request) -> msgspec.Struct:
    given = _query(request)
    if operation.method == "GET":
        return _converted(operation, given)
    if given:
        raise Malformed("this operation takes no query", "query", "put the values into the JSON body")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        # A form on a foreign web page can post, but not with this type.
        raise Malformed("the body is not declared as JSON", "Content-Type", f"send Content-Type: {JSON}", 415)
    try:
        decoded: msgspec.Struct = msgspec.json.decode(await _body(request), type=operation.input)
    except msgspec.ValidationError as error:
        raise _mismatch(operation, error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            f"the body is not JSON: {error}", "body", f"see {operation.path} in /v1/openapi.json"
        ) from None
    return decoded


def _query(request: Request) -> dict[str, str]:
    pairs = request.query_params.multi_items()
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


async def _body(request: Request) -> bytes:
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) > BODY_LIMIT:
            raise Malformed(
                f"the body is larger than {BODY_LIMIT} bytes",
                "body",
                "send the path of a file",
                413,
                "too-large",
            )
    return bytes(held)


@functools.cache
def _described() -> bytes:
    return msgspec.json.encode(openapi.document(OPERATIONS))


async def _description(_request: Request) -> Response:
    return Response(_described(), media_type=JSON)


async def _not_an_operation(request: Request, error: Exception) -> Response:
    """What the router refuses before any operation is asked: an unknown path, a wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    code: Code = "unknown" if status == 404 else "malformed"
    what = {404: "there is no such path", 405: "this path takes another method"}.get(
        status, "the request is refused"
    )
    refusal = ErrorAnswer(code, what, f"{request.method} {request.url.path}", "see /v1/openapi.json")
    return Response(msgspec.json.encode(refusal), status_code=status, media_type=JSON)
