"""HTTP/1.1 on one connection: how a request is read, with limits on all that a client sends.

Twisted's channel reads the protocol.  Here requests that could be read in two ways are refused
(RFC 9112 section 11.2), as are those that are too large or too slow; the refusal is the last
response on the connection, whose further bytes are thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from typing import Protocol as Interface

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from failoverdns.web.http_request import HTTPRequest, Serving, http_date
from failoverdns.web.problems import MEDIA_TYPE, Problem, of_http

MAX_HEAD: Final = 16384
"""Bytes of the request line and all header fields."""

MAX_FIELD_LINE: Final = 9000
"""Bytes of one line of them."""

MAX_FIELDS: Final = 100
"""Header fields of a request."""

FIRST_TIME: Final = 15.0
"""Seconds from the start of a connection, with its TLS handshake, to the first request line."""

HEAD_TIME: Final = 10.0
"""Seconds from the first line of a request to the end of its header fields."""

BODY_TIME: Final = 30.0
"""Seconds for a body."""

IDLE_TIME: Final = 75.0
"""Seconds between a response and the next request."""

LINGER: Final = 0.5
"""Seconds for which bytes are thrown away after a refusal, so that the client reads it."""

CLOSING_TIME: Final = 5.0
"""Seconds that a client has to read its last response."""

MAX_REQUESTS: Final = 1000
"""Requests of one connection."""


class Server(Serving, Interface):
    """What the channels of a server share."""

    reactor: Any
    is_draining: bool
    """Whether no further request is taken on a connection."""

    def careful(self, request: HTTPRequest) -> Mapping[str, str]:
        """Return the header fields of a response to a request that is refused."""

    def left(self, channel: WebChannel) -> None:
        """Note that a connection has ended."""

    def remember(self, channel: WebChannel) -> None:
        """Note that a valid token came over a connection."""

    def refused(self, status: int) -> None:
        """Count a request that was refused before it could be read."""


class WebChannel(HTTPChannel):
    """One connection."""

    MAX_LENGTH = MAX_FIELD_LINE
    totalHeadersSize = 2 * MAX_HEAD  # noqa: N815 (ours is looked at before)
    maxHeaders = MAX_FIELDS  # noqa: N815
    requestFactory: Any = HTTPRequest  # noqa: N815

    def __init__(self, server: Server, origin: tuple[bytes, ...], *, is_secure: bool) -> None:
        """Prepare; `origin` is where the connection comes from, for limits."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.server = server
        self.origin = origin
        self.is_secure = is_secure
        self.is_refused = False
        """Whether nothing more is read."""
        self._requests = 0
        self._head = 0
        self._deadline: IDelayedCall | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return not self.requests

    def connectionMade(self) -> None:  # noqa: N802
        """Wait for the first request."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._allow(FIRST_TIME)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Read, unless the connection has got its last response."""
        if not self.is_refused:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """Read a line of the head of a request."""
        if self.is_refused:
            return
        if not self._head and line:
            self._allow(HEAD_TIME, self._be_late)
        self._head += len(line)
        if self._head > MAX_HEAD:
            self.refuse(_too_large_head())
        elif self._receivedHeaderCount >= MAX_FIELDS:
            self.refuse(of_http(431, f"a request has at most {MAX_FIELDS} header fields"))
        elif line[:1] in (b" ", b"\t"):
            self.refuse(of_http(400, "a header field is continued on another line"))
        else:
            super().lineReceived(line)  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Read a part of the body, or keep what follows the request that is under way."""
        if not self.is_refused:
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Refuse a line that is too long (RFC 9110 section 15.5.15, RFC 6585 section 5)."""
        if self._head:
            self.refuse(_too_large_head())
        else:
            self.refuse(of_http(414, "the first line of the request is too long"))

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Refuse what could be read in two ways; then wait for the body."""
        request: HTTPRequest = self.requests[-1]
        codings = [text.lower() for text in request.field_lines(b"transfer-encoding")]
        version = self._version
        if codings and (version != b"HTTP/1.1" or codings != ["chunked"]):
            self.refuse(of_http(400, "the only transfer coding is chunked, of HTTP/1.1"))
        elif any(text.lower() != "100-continue" for text in request.field_lines(b"expect")):
            self.refuse(of_http(417, "the only expectation that is known is 100-continue"))
        else:
            self._head = 0
            self._allow(BODY_TIME, self._be_late)
            super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:  # noqa: N802
        """Answer the request, which may take as long as it takes."""
        if not self.is_refused:
            self._allow(None)
            super().allContentReceived()  # type: ignore[no-untyped-call]

    def checkPersistence(self, request: Any, version: bytes) -> bool:  # noqa: N802
        """Return whether the connection stays open after the response."""
        self._requests += 1
        words = ",".join(request.field_lines(b"connection")).lower().split(",")
        is_wanted = version == b"HTTP/1.1" and "close" not in map(str.strip, words)
        if is_wanted and self._requests < MAX_REQUESTS and not self.server.is_draining:
            return True
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """Wait for the next request, or close the connection."""
        if self.server.is_draining:
            self.persistent = False
        self._allow(IDLE_TIME if self.persistent else CLOSING_TIME)
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Give up what is under way."""
        self._allow(None)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self.server.left(self)

    def refuse(self, problem: Problem) -> None:
        """Send a problem as the last response, and read nothing more."""
        if self.is_refused:
            return
        self.is_refused = True
        self.server.refused(problem.status)
        request = self.requests[-1] if self.requests else self.requestFactory(self)
        body = problem.body()
        fields = {
            "Date": http_date(),
            **self.server.careful(request),
            **problem.fields,
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        phrase = HTTPStatus(problem.status).phrase
        transport: Any = self.transport
        transport.write(
            f"HTTP/1.1 {problem.status} {phrase}\r\n{head}\r\n".encode("latin-1") + body
        )
        self._allow(CLOSING_TIME)
        self.server.reactor.callLater(LINGER, self.loseConnection)

    def note_token(self) -> None:
        """Note that a valid token came over the connection, so its address is known."""
        self.server.remember(self)

    def leave(self) -> None:
        """Close the connection at once."""
        transport: Any = self.transport
        transport.abortConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        """Refuse what Twisted cannot read."""
        self.refuse(of_http(400, "this is not a valid request of HTTP/1.1"))

    def _send100Continue(self) -> None:  # noqa: N802
        """Let the client send its body, unless that is refused."""
        if not self.is_refused:
            super()._send100Continue()  # type: ignore[no-untyped-call]

    def _be_late(self) -> None:
        """Refuse a request that did not arrive in time (RFC 9110 section 15.5.9)."""
        text = f"the head of a request has {HEAD_TIME:g} s to arrive, and its body {BODY_TIME:g} s"
        self.refuse(of_http(408, text))

    def _allow(self, seconds: float | None, end: Callable[[], None] | None = None) -> None:
        """End the connection in some seconds, which replaces an earlier deadline."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None:
            self._deadline = self.server.reactor.callLater(seconds, end or self.leave)


def _too_large_head() -> Problem:
    text = f"the head of a request has at most {MAX_HEAD} bytes, and each line {MAX_FIELD_LINE}"
    return of_http(431, text)
