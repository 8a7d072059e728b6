"""HTTP with one request a connection, within a time limit, and with request bodies discarded.

A connection that serves one request needs no limits for further requests: none are read.
Does not know what is requested and answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

REQUEST_TIME: Final = 30
"""Seconds from the start of the connection for the TLS handshake and the whole request."""

REPLY_TIME: Final = 30
"""Seconds that a client has to read its response."""

REFUSAL_TIME: Final = 2
"""Seconds that a client has to read why its request was not read to the end."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


class OneRequest(Request):
    """A request that knows whether its client is still connected, and discards its body."""

    is_gone = False

    def argument(self, name: bytes) -> str | None:
        """Return the value of a parameter of the query, the first of several."""
        values = (self.args or {}).get(name)
        return values[0].decode("utf-8", "replace") if values else None

    def field(self, name: bytes) -> list[str]:
        """Return the values of a header field, one for each line."""
        lines = self.requestHeaders.getRawHeaders(name) or ()
        return [line.decode("latin-1") for line in lines]

    def shown(self) -> tuple[Any, str]:
        """Return the client's certificate (pyOpenSSL's) and its address."""
        transport: Any = self.transport
        return transport.getPeerCertificate(), getattr(transport.getPeer(), "host", "?")

    def reply(
        self, status: int, body: bytes | None = None, fields: Mapping[str, str] | None = None
    ) -> None:
        """Send the response, if the client is still connected; `fields` are header fields."""
        if self.is_gone:
            return
        self.setResponseCode(status)
        for name, value in (fields or {}).items():
            self.responseHeaders.setRawHeaders(name, [value])
        if body is not None:
            self.responseHeaders.setRawHeaders("Content-Length", [str(len(body))])
            if self.method != b"HEAD":
                self.write(body)  # type: ignore[no-untyped-call]
        self.finish()  # type: ignore[no-untyped-call]

    def refuse(self, status: int, message: str, fields: Mapping[str, str] | None = None) -> None:
        """Send an error as JSON."""
        body = json.dumps({"error": message}).encode() + b"\n"
        self.reply(status, body, {"Content-Type": "application/json", **(fields or {})})

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Make no temporary file for the body, whatever its length."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Discard a piece of the body."""

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Note that the client has gone."""
        self.is_gone = True
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class OneRequestChannel(HTTPChannel):
    """A connection that is closed after the response to its request, or at a deadline."""

    callLater: Any  # noqa: N815
    _deadline: IDelayedCall | None = None
    _is_complete = False

    def connectionMade(self) -> None:  # noqa: N802
        """Start the deadline of the request."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._allow(REQUEST_TIME)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Refuse a line that is too long (RFC 6585 section 5), and read nothing more."""
        transport: Any = self.transport
        transport.write(_TOO_LARGE)
        self.loseConnection()
        self.dataReceived = _discard  # type: ignore[method-assign]

    def loseConnection(self) -> None:  # noqa: N802
        """Close the connection; a client whose request was not read to its end gets little time."""
        if not self._is_complete:
            self._allow(REFUSAL_TIME)
        super().loseConnection()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:  # noqa: N802
        """Process the request, whose response may take as long as its client wants to wait."""
        self._is_complete = True
        self._allow(None)
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def checkPersistence(self, request: Any, version: bytes) -> bool:  # noqa: N802
        """Return False: each request needs a new connection, and the response says so."""
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """Close the connection once the response was read."""
        self._allow(REPLY_TIME)
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Cancel the deadline."""
        self._allow(None)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _allow(self, seconds: float | None) -> None:
        """End the connection in a number of seconds, which replaces an earlier deadline."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None:
            transport: Any = self.transport
            self._deadline = self.callLater(seconds, transport.abortConnection)


def _discard(data: bytes) -> None:
    """Read no more of a request that was refused."""


class OneRequestSite(Site):
    """An HTTP/1.1 server without an access log."""

    protocol = OneRequestChannel  # type: ignore[assignment]
    noisy = False

    def __init__(self, resource: Any, clock: Any) -> None:
        """Serve a resource; `clock` is the source of deadlines."""
        super().__init__(resource, OneRequest, timeout=None, reactor=clock)  # type: ignore[no-untyped-call]
        self.displayTracebacks = False

    def startFactory(self) -> None:  # noqa: N802
        """Open no access log."""

    def stopFactory(self) -> None:  # noqa: N802
        """Close no access log."""

    def log(self, request: Any) -> None:
        """Log no line for a request."""

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802
        """Return the protocols for ALPN: never HTTP/2, even where Twisted could speak it."""
        return [b"http/1.1"]
