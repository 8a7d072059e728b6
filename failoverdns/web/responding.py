"""A response on its way to one client: a whole one, or one that is sent as its body arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from failoverdns.web.bodies import Body, BodyMemory
from failoverdns.web.exchange import JSON, WebReply, WebRequest
from failoverdns.web.http_request import HTTPRequest
from failoverdns.web.problems import MEDIA_TYPE, Problem, of_error
from failoverdns.web.replies import Begun
from failoverdns.web.requests import Asked, check_match, tag_of

READ_TIME: Final = 30.0
"""Seconds for which a client may read nothing of a response."""

WHOLE_TIME: Final = 600.0
"""Seconds that a client has to read a response."""

SMALL: Final = 1 << 16
"""Bytes of a whole body that are sent at once; the pieces of a larger one have this size."""


class Responses:
    """All responses that are being sent."""

    def __init__(self, reactor: Any, held: BodyMemory) -> None:
        """Prepare; bodies count in `held`."""
        self.reactor = reactor
        self.held = held
        self.all: set[Response] = set()
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = reactor

    def start(self) -> None:
        """Disconnect clients that do not read, from now on."""
        self._sweeping.start(2.0, now=False)

    def _sweep(self) -> None:
        now = self.reactor.seconds()
        for response in list(self.all):
            if now - response.progress_at > READ_TIME or now - response.since > WHOLE_TIME:
                self.held.dropped += 1
                response.cut()


@implementer(IPushProducer)
class Response:
    """The response to one request, which a reply of the control process may become."""

    def __init__(
        self,
        http: HTTPRequest,
        request: WebRequest,
        responses: Responses,
        careful: Mapping[str, str],
    ) -> None:
        """Prepare; `careful` are header fields of every response."""
        self.http = http
        self.request = request
        self.asked: Asked | None = None
        """What the control process was asked, for its conditions."""
        self.is_done = False
        self.since = self.progress_at = 0.0
        self.leaving: Callable[[], None] = lambda: None
        """Called when the client has gone."""
        self._careful = dict(careful)
        self._responses = responses
        self._body: Body | None = None
        self._is_paused = False
        http.gone = self._gone

    def reply(self, reply: WebReply, *, owner: str = "") -> None:
        """Send a whole response; a large one counts as held for `owner`."""
        if self._is_over():
            return
        fields = {**self._careful, **reply.fields}
        if fields.get("Connection") == "close":
            self.http.channel.persistent = False
        if reply.status not in (204, 304):
            fields = {"Content-Type": reply.media_type, **fields}
            fields["Content-Length"] = str(len(reply.body))
        if len(reply.body) <= SMALL or self.request.only_head:
            self._finish(reply.status, fields, reply.body)
            return
        whole = reply.body
        pieces = (whole[at : at + SMALL] for at in range(0, len(whole), SMALL))
        body = Body(self._responses.held, owner, pieces)
        body.join(self)
        body.end()
        self._send(reply.status, fields, body)

    def fail(self, problem: Problem) -> None:
        """Send a problem."""
        asked = self.asked
        if asked is not None and asked.has_match and problem.code == "conflict":
            problem = of_error(problem.error, id_=problem.id, with_match=True)
        self.reply(WebReply(problem.status, problem.body(), MEDIA_TYPE, problem.fields))

    def begin(self, begun: Begun, body: Body) -> None:
        """Begin the response that a reply of the control process is; its body follows."""
        asked = self.asked
        assert asked is not None
        tag = tag_of(begun.revision)
        try:
            check_match(asked, begun.revision)
        except Problem as problem:
            body.leave(self)
            self.fail(problem)
            return
        fields = {**self._careful, "ETag": tag, "Vary": "Accept-Encoding"}
        if asked.known & {tag, "*"}:
            body.leave(self)
            self._finish(304, fields, b"")
            return
        fields["Content-Type"] = JSON
        if begun.is_compressed:
            fields["Content-Encoding"] = "gzip"
        if begun.length is not None:
            fields["Content-Length"] = str(begun.length)
        if self.request.only_head:
            body.leave(self)
            self._finish(200, fields, b"")
        else:
            self._send(200, fields, body)

    def look(self) -> None:
        """Send what there is, unless the client has to read first."""
        body = self._body
        if body is None or self.is_done or not self.since:
            return
        while not self._is_paused:
            piece = body.take(self)
            if piece is None:
                break
            self.progress_at = self._responses.reactor.seconds()
            self.http.write(piece)  # type: ignore[no-untyped-call]
            if self.is_done:
                return
        else:
            return
        if body.is_ended:
            body.leave(self)
            self.http.unregisterProducer()  # type: ignore[no-untyped-call]
            self._end()
            self.http.end()

    def cut(self) -> None:
        """Disconnect the client."""
        if not self.is_done and not self.http.is_gone:
            self.http.channel.leave()

    def pauseProducing(self) -> None:  # noqa: N802
        """Wait: the client does not read."""
        self._is_paused = True

    def resumeProducing(self) -> None:  # noqa: N802
        """Go on: the client has read."""
        self._is_paused = False
        self.progress_at = self._responses.reactor.seconds()
        self.look()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is closing."""

    def _send(self, status: int, fields: Mapping[str, str], body: Body) -> None:
        """Begin a response whose body follows as the client reads it."""
        self._body = body
        self.since = self.progress_at = self._responses.reactor.seconds() or 1e-9
        self._responses.all.add(self)
        self.http.respond(status, fields)
        self.http.registerProducer(self, True)  # type: ignore[no-untyped-call]
        self.look()

    def _finish(self, status: int, fields: Mapping[str, str], body: bytes) -> None:
        self._end()
        self.http.respond(status, fields)
        self.http.end(body)

    def _is_over(self) -> bool:
        return self.is_done or self.http.is_gone

    def _end(self) -> None:
        self.is_done = True
        self._responses.all.discard(self)

    def _gone(self) -> None:
        """Forget the response: the client has gone."""
        if not self.is_done:
            self._end()
            if self._body is not None:
                self._body.leave(self)
            self.leaving()
