"""The events of one client, as server-sent events at the speed at which it reads.

    it begins    what the client missed is read in the history, as far as it is not among the
                 recent events; then each event follows as it comes
    it is slow   nothing is kept for it; if the event that it needs next is forgotten, it is
                 disconnected, and can come back with `Last-Event-ID`
    a gap        what cannot be had any more, as trimmed history, is replaced by one `reset`

How many streams there may be is decided in `web.events`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from failoverdns.model.change import Json
from failoverdns.net.spawning import spawn
from failoverdns.web.exchange import Ask
from failoverdns.web.http_request import HTTPRequest
from failoverdns.web.problems import Problem, of_reply
from failoverdns.web.recent_events import COMMENT, RecentEvents, write_past, write_reset

MEDIA_TYPE: Final = "text/event-stream"

RETRY: Final = b"retry: 2000\n\n"
"""How long a browser waits before it comes back, in milliseconds."""


class AllStreams(Protocol):
    """The streams of all clients, as one of them uses them."""

    @property
    def reactor(self) -> Any:
        """The reactor, for the time."""

    @property
    def recent(self) -> RecentEvents:
        """The recent events."""

    def left(self, stream: Stream) -> None:
        """Forget a stream that has ended; it may be forgotten already."""

    def bound_past(self) -> None:
        """Look whether too much of the history lies unread."""


@implementer(IPushProducer)
class Stream:
    """The events of one client."""

    def __init__(
        self,
        streams: AllStreams,
        http: HTTPRequest,
        token: str,
        address: str,
        ask: Ask,
        is_valid: Callable[[], bool],
    ) -> None:
        """Prepare the events of the client of a request.

        `ask` asks for its token, and `is_valid` returns whether that is still accepted.
        """
        self.token = token
        self.address = address
        self.is_valid = is_valid
        self.paused_at: float | None = None
        """Since when the client has not read what was sent; None if it reads."""
        self.was_dropped = False
        """Whether the stream was ended because the client did not read."""
        self._streams = streams
        self._http = http
        self._ask = ask
        self._next: int | None = None
        """The number of the event that is sent next; None while the history is read."""
        self._revision = 0
        """The last revision that was sent, or is known to the client."""
        self.past_bytes = 0
        """Bytes of the history that are read and not sent."""
        self._past: list[tuple[int, bytes]] = []
        self._reset: bytes | None = None
        self._has_begun = False
        self._is_reading = False
        http.gone = self._gone

    async def prepare(self, since: int | None) -> None:
        """Find out where the events of this client begin; raises Problem, also for a wrong role."""
        recent = self._streams.recent
        self._revision = since if since is not None else recent.last
        try:
            await self._history(self._revision)
        except Problem as problem:
            if problem.code != "invalid" or self._revision <= recent.last:
                raise
            self._revision = recent.last
            await self._history(self._revision)
            self._reset = write_reset(recent.last, "that revision is yet to come")

    def begin(self, careful: Mapping[str, str], *, only_head: bool) -> None:
        """Begin the response."""
        if self._http.is_gone:
            return
        fields = {**careful, "Content-Type": MEDIA_TYPE, "X-Accel-Buffering": "no"}
        self._http.respond(200, fields)
        if only_head:
            self._streams.left(self)
            self._http.end()
            return
        self._has_begun = True
        self._http.registerProducer(self, True)  # type: ignore[no-untyped-call]
        self._http.write(RETRY)  # type: ignore[no-untyped-call]
        self.look()

    def look(self) -> None:
        """Send what there is, unless the client has to read first."""
        if not self._has_begun or self._is_reading:
            return
        if self._reset is not None:
            reset, self._reset = self._reset, None
            self._keep_past([])
            self._write(reset)
        while self._past and self.paused_at is None:
            self._revision, text = self._past.pop(0)
            self.past_bytes -= len(text)
            self._write(text)
        if self._past or self.paused_at is not None:
            self._streams.bound_past()
            return
        recent = self._streams.recent
        if self._next is None:
            if self._revision > recent.last:  # what the client knows has not arrived here yet
                return
            self._next = recent.number_after(self._revision)
            if self._next is None:
                self._is_reading = True
                spawn(self._read_on())
                return
        while self.paused_at is None:
            event = recent.get(self._next)
            if event is None:
                if recent.has_lost(self._next):
                    self.drop()
                return
            self._next += 1
            self._write(event.text)

    def comment(self) -> None:
        """Show that the stream is alive."""
        if self._has_begun and self.paused_at is None:
            self._write(COMMENT)

    def end(self) -> None:
        """End the stream; the client may come back."""
        if self._has_begun:
            self._has_begun = False
            self._streams.left(self)
            if not self._http.is_gone:
                self._http.channel.persistent = False
                self._http.unregisterProducer()  # type: ignore[no-untyped-call]
                self._http.end()
        elif not self._http.is_gone:
            self.cut()

    def cut(self) -> None:
        """Disconnect the client."""
        self._has_begun = False
        self._keep_past([])
        self._streams.left(self)
        if not self._http.is_gone:
            self._http.channel.leave()

    def drop(self) -> None:
        """Disconnect the client, because it does not read."""
        self.was_dropped = True
        self.cut()

    def pauseProducing(self) -> None:  # noqa: N802
        """Wait: the client does not read."""
        if self.paused_at is None:
            self.paused_at = self._streams.reactor.seconds()

    def resumeProducing(self) -> None:  # noqa: N802
        """Go on: the client has read."""
        self.paused_at = None
        self.look()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is closing."""

    def _write(self, text: bytes) -> None:
        self._http.write(text)  # type: ignore[no-untyped-call]

    async def _read_on(self) -> None:
        """Read a further part of the history, and go on with it."""
        try:
            await self._history(self._revision)
        except Problem:
            self.end()
            return
        self._is_reading = False
        self.look()

    async def _history(self, since: int) -> None:
        """Read the changes after a revision; what was trimmed from the history needs a reset."""
        request: dict[str, Json] = {"command": "history", "export": True, "since": since}
        asked: Awaitable[dict[str, Json]] = self._ask(request)
        reply = await asked
        if not reply.get("ok"):
            raise of_reply(reply)
        found: Any = reply["result"]
        self._keep_past(write_past(found["export"]))
        if "trimmed" in found:
            last = self._streams.recent.last
            self._reset = write_reset(
                last, "changes after that revision are in the history no more"
            )
            self._revision = last

    def _keep_past(self, past: list[tuple[int, bytes]]) -> None:
        self._past = past
        self.past_bytes = sum(len(text) for _, text in past)

    def _gone(self) -> None:
        self._has_begun = False
        self._keep_past([])
        self._streams.left(self)
