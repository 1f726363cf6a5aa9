"""One client of the admin interface: HTTP/1.1 (RFC 9112), one exchange after another.

The law: h11 alone says what is HTTP. A request is whole before anybody is asked, bounded in size and in time,
and so is the reading of its answer. What is no request is answered, too, and is the last one.
"""

from __future__ import annotations

import asyncio
import time

import h11
import msgspec

from protobalance.api.errors import Malformed
from protobalance.api.exchange import Answer, Application, Asked

BODY_LIMIT = 8 * 1024 * 1024  # bytes; a configuration of 50,000 nodes has about 5 MB
READ = 64 * 1024  # bytes at a time
REQUEST_WITHIN = 60.0  # seconds from the last answer until the next request is there, all of it
READ_WITHIN = 60.0  # seconds for an answer to be read
LAST_WORDS_WITHIN = 5.0  # seconds in which a client that was refused may end what it is saying


class Connection:
    """A client. `serve` it until it leaves, or until `end`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Application
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._application = application
        self._http = h11.Connection(h11.SERVER)
        self._is_last = False
        self._wants_body = True  # not where HEAD asks
        self.answering = False  # a whole request waits for its answer
        self.waits_since: float | None = time.monotonic()  # for its client; None while that waits for us
        # So that `drain` means that the kernel has all of an answer.
        writer.transport.set_write_buffer_limits(high=0)

    def end(self) -> None:
        """No exchange is to follow the one under way."""
        self._is_last = True

    def let_go(self) -> None:
        """Nobody waits for it any more, nor for what it has not read."""
        self._writer.transport.abort()

    async def serve(self) -> None:
        try:
            while await self._exchange():
                self._http.start_next_cycle()
        except (OSError, TimeoutError):
            self.let_go()  # nobody is there, or nobody who means it
        finally:
            self._writer.close()

    async def _exchange(self) -> bool:
        """One request and its answer; whether another one may follow."""
        try:
            async with asyncio.timeout(REQUEST_WITHIN):
                asked = await self._asked()
        except Malformed as error:
            await self._refuse(error)
            return False
        if asked is None:
            return False
        self.answering, self.waits_since = True, None
        answer = await self._application(asked)
        self.waits_since = time.monotonic()
        await self._say(answer)
        self.answering, self.waits_since = False, time.monotonic()
        is_whole = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        return is_whole and not self._is_last  # `end` may have come too late for this answer's head

    async def _asked(self) -> Asked | None:
        """The next request; None if there is none to come."""
        self._wants_body = True
        request = await self._event()
        if not isinstance(request, h11.Request):
            return None
        self._wants_body = request.method != b"HEAD"
        headers = dict(request.headers)
        body = bytearray()
        _refuse_too_large(int(headers.get(b"content-length", 0)))
        while isinstance(part := await self._event(), h11.Data):
            body += part.data
            _refuse_too_large(len(body))
        content_type = headers.get(b"content-type", b"")
        return Asked(
            request.method.decode("ascii"),
            request.target.decode("latin-1"),
            content_type.decode("latin-1"),
            bytes(body),
        )

    async def _event(self) -> object:
        while (event := self._next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(READ))
        return event

    def _next_event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            what, hint = f"this is not HTTP: {error}", "see /v1/openapi.json"
            raise Malformed(what, "", hint, error.error_status_hint) from None

    async def _refuse(self, error: Malformed) -> None:
        """Say so, and let the client end what it is saying, or it would not hear us."""
        self._is_last = True
        await self._say(Answer(error.status, msgspec.json.encode(error.answer)))
        self._writer.write_eof()
        async with asyncio.timeout(LAST_WORDS_WITHIN):
            while await self._reader.read(READ):
                pass

    async def _say(self, answer: Answer) -> None:
        headers = [("content-type", answer.media_type), ("content-length", str(len(answer.body)))]
        if answer.allow:
            headers.append(("allow", answer.allow))
        if self._is_last:
            headers.append(("connection", "close"))
        body = [h11.Data(answer.body)] if self._wants_body else []
        self._write(h11.Response(status_code=answer.status, headers=headers), *body, h11.EndOfMessage())
        async with asyncio.timeout(READ_WITHIN):
            await self._writer.drain()

    def _write(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))


def _refuse_too_large(length: int) -> None:
    if length > BODY_LIMIT:
        what, hint = f"the body is larger than {BODY_LIMIT} bytes", "send the path of a file"
        raise Malformed(what, "body", hint, 413, "too-large")
