"""A request of HTTP as it arrives, and its response as it is sent.

The body is kept in memory, so a large one is read only if the server allows it when its header
fields have arrived; how much a connection may send is decided in `web.channel`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import time
from typing import Any, Final, Protocol

from twisted.python.failure import Failure
from twisted.web.http import Request, datetimeToString

from failoverdns.control.language.requests import MAX_LINE
from failoverdns.web.problems import Problem, of_http

SMALL_BODY: Final = 16384
"""Bytes of a body that are read before the token is looked at."""


class Serving(Protocol):
    """The server, as a request uses it."""

    def serve(self, request: HTTPRequest) -> None:
        """Answer a request whose body has arrived."""

    def may_send_body(self, request: HTTPRequest) -> Problem | None:
        """Return why the large body of a request is not read; None if it is."""

    def large_body_ended(self) -> None:
        """Note that a large body is read no longer, whose reading `may_send_body` allowed."""


class HTTPRequest(Request):
    """A request, and its response."""

    channel: Any
    """Its connection, a `web.channel.WebChannel`."""

    def __init__(self, channel: Any, queued: object = None) -> None:
        """Prepare for the header fields."""
        super().__init__(channel)
        self.is_gone = False
        self.body = b""
        self.gone: Callable[[], None] = lambda: None
        """Called when the client has gone before the end of the response."""
        self._pieces: list[bytes] = []
        self._received = 0
        self._is_large = False
        """Whether its body is a large one, which may be read."""
        self._large_of: Serving | None = None
        """Whom to report that the large body is read no longer."""

    @property
    def peer(self) -> str:
        """The address of the connection."""
        return str(getattr(self.client, "host", ""))

    def field_lines(self, name: bytes) -> tuple[str, ...]:
        """Return the values of a header field, one for each line."""
        lines = self.requestHeaders.getRawHeaders(name) or ()
        return tuple(line.decode("latin-1") for line in lines)

    def all_fields(self) -> dict[str, tuple[str, ...]]:
        """Return all header fields, by names in lower case."""
        return {
            name.decode("latin-1").lower(): tuple(line.decode("latin-1") for line in lines)
            for name, lines in self.requestHeaders.getAllRawHeaders()
        }

    def respond(self, status: int, fields: Mapping[str, str]) -> None:
        """Begin the response."""
        self.setResponseCode(status, HTTPStatus(status).phrase.encode())
        self.responseHeaders.setRawHeaders("Date", [http_date()])
        for name, value in fields.items():
            self.responseHeaders.setRawHeaders(name, [value])

    def end(self, body: bytes = b"") -> None:
        """Send the last part of the body, and end the response."""
        if not self.is_gone:
            if body:
                self.write(body)  # type: ignore[no-untyped-call]
            self.finish()  # type: ignore[no-untyped-call]

    def parseCookies(self) -> None:  # noqa: N802
        """Read no cookies: there are none."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Look at what the header fields announce, before the body is read."""
        if length is not None and length > MAX_LINE:
            self.channel.refuse(too_large())
        elif length is not None and length > SMALL_BODY:
            self._look_at_large()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Take a piece of the body."""
        self._received += len(data)
        if self._received > MAX_LINE:
            self.channel.refuse(too_large())
        elif self._received > SMALL_BODY and not self._is_large:
            self._look_at_large()
        if not self.channel.is_refused:
            self._pieces.append(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Answer the request: all of it has arrived."""
        self.method, self.uri, self.clientproto = command, path, version
        self._end_large()
        self.body = b"".join(self._pieces)
        self._pieces.clear()
        self.channel.server.serve(self)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Note that the client has gone."""
        self.is_gone = True
        self._end_large()
        if self.producer is not None:
            self.unregisterProducer()  # type: ignore[no-untyped-call]
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self.gone()

    def _look_at_large(self) -> None:
        server = self.channel.server
        problem = server.may_send_body(self)
        if problem is not None:
            self.channel.refuse(problem)
        else:
            self._is_large, self._large_of = True, server

    def _end_large(self) -> None:
        server, self._large_of = self._large_of, None
        if server is not None:
            server.large_body_ended()


def too_large() -> Problem:
    """Return the problem of a body that is too large."""
    return of_http(413, f"a request has at most {MAX_LINE} bytes")


def http_date() -> str:
    """Return the time of day as header fields have it (RFC 9110 section 5.6.7)."""
    text: bytes = datetimeToString(time())
    return text.decode("ascii")
