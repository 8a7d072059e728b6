"""Server-sent events: what `watch` prints, for any number of clients, over one lane.

    a client comes   its token has to be allowed to read the history; what it missed is read
                     there, as far as it is not among the recent events
    an event comes   each stream takes it from the recent events, at the speed of its client
    a client stops   nothing is kept for it; if what it needs is forgotten, it is disconnected,
                     and can come back with `Last-Event-ID`

The events of a removed token end, and so do all when the lane ends, because something may be missed
until there is another one; the clients come back and get what they missed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.adopting import adopt
from failoverdns.net.spawning import spawn
from failoverdns.web.channel import HTTPRequest
from failoverdns.web.exchange import Ask, WebRequest
from failoverdns.web.problems import Problem, of_error, of_http, of_refusal
from failoverdns.web.recent_events import (
    COMMENT,
    RecentEvents,
    write_past,
    write_reset,
)

MEDIA_TYPE: Final = "text/event-stream"

MOST: Final = 400
"""Streams at a time."""

MOST_OF_TOKEN: Final = 100
"""Those of one token."""

MOST_OF_ADDRESS: Final = 100
"""Those of one address."""

KEPT_ALIVE: Final = 15.0
"""Seconds between two comments on a stream."""

SILENT: Final = 60.0
"""Seconds for which a client may leave events unread."""

MAX_LINE: Final = 8 << 20
"""Bytes of one event."""

MOST_PAST: Final = 48 << 20
"""Bytes of the history in memory, of clients that do not read them."""

RETRY: Final = b"retry: 2000\n\n"
"""How long a browser waits before it comes back, in milliseconds."""

_ASK: Final = b'{"internal": "events"}\n{"command": "watch"}\n'
_NOT_YET: Final = Rejected("busy", "the events begin in a moment; try again")

log = Logger()


class EventLane(Protocol):
    """The lane from which events come."""

    transport: Any

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._line = bytearray()
        self._has_begun = False

    def connectionMade(self) -> None:  # noqa: N802
        """Ask for events."""
        self.transport.write(_ASK)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take lines."""
        self._line += data
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        try:
            for line in lines:
                self._take(bytes(line))
            if len(rest) > MAX_LINE:
                raise Malformed("an event that is too long")
        except (Malformed, ValueError, KeyError, TypeError) as fault:
            log.error("the lane for events is closed: {fault}", fault=str(fault))
            self.transport.abortConnection()

    def _take(self, line: bytes) -> None:
        if self._has_begun:
            self._streams.take(line)
        else:
            self._has_begun = True
            self._streams.begin(line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """End all streams."""
        self._streams.lost()


class Streams:
    """All streams of events."""

    def __init__(self, reactor: Any) -> None:
        """Prepare; there are no events before `open`."""
        self.reactor = reactor
        self.most_past = MOST_PAST
        self.recent = RecentEvents()
        self.all: dict[Stream, None] = {}
        self.dropped = 0
        """Streams that were closed, because their clients did not read."""
        self._is_live = False
        self._by_token: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = reactor
        self._comments = LoopingCall(self._comment)
        self._comments.clock = reactor

    def start(self) -> None:
        """Send comments, and disconnect clients that do not read, from now on."""
        self._sweeping.start(5.0, now=False)
        self._comments.start(KEPT_ALIVE, now=False)

    def open(self, descriptor: int) -> None:
        """Get the events from a lane, which is duplicated."""
        adopt(self.reactor, descriptor, EventLane(self))

    def begin(self, line: bytes) -> None:
        """Take the reply to `watch`, which has the revision after which events follow."""
        self.recent.begin(revision_of(line))
        self._is_live = True

    def take(self, line: bytes) -> None:
        """Take one line of `watch`."""
        if self.recent.add(line) is not None:
            for stream in list(self.all):
                stream.look()

    def lost(self) -> None:
        """End all streams: events may be missed."""
        self._is_live = False
        self.close()

    def close(self) -> None:
        """End all streams."""
        for stream in list(self.all):
            stream.end()

    def close_of(self, tokens: set[str]) -> None:
        """End the streams of some tokens."""
        for stream in list(self.all):
            if stream.token in tokens:
                stream.end()

    async def serve(
        self,
        http: HTTPRequest,
        request: WebRequest,
        token: str,
        ask: Ask,
        careful: Mapping[str, str],
        is_valid: Callable[[], bool],
    ) -> None:
        """Send events to a client, from the revision on that it names; raises Problem.

        `ask` asks for the client's token, whose rights the control process checks with that.
        `is_valid` returns whether the token is accepted.
        """
        since = since_of(request)
        if not self._is_live:
            raise of_refusal(_NOT_YET)
        self._check_room(token, request.address)
        stream = Stream(self, http, token, request.address, ask, is_valid)
        self._enter(stream)
        try:
            await stream.prepare(since)
        except Problem:
            self.leave(stream)
            raise
        stream.begin(careful, only_head=request.only_head)

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        if stream in self.all:
            del self.all[stream]
            for counter, key in (
                (self._by_token, stream.token),
                (self._by_address, stream.address),
            ):
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]

    def bound_past(self) -> None:
        """Disconnect those who let the most of the history lie unread, if it is much in all."""
        held = sum(stream.past_bytes for stream in self.all)
        while held > self.most_past:
            waiting = (stream for stream in self.all if stream.paused_at is not None)
            most = max(waiting, key=lambda stream: stream.past_bytes, default=None)
            if most is None or not most.past_bytes:
                return
            held -= most.past_bytes
            self.dropped += 1
            most.cut()

    def _check_room(self, token: str, address: str) -> None:
        if self._by_token[token] >= MOST_OF_TOKEN or self._by_address[address] >= MOST_OF_ADDRESS:
            text = (
                f"a token, and an address, can have {MOST_OF_TOKEN} and {MOST_OF_ADDRESS} streams "
                "of events at a time"
            )
            raise of_http(429, text, code="busy", fields={"Retry-After": "10"})
        if len(self.all) >= MOST:
            raise of_refusal(Rejected("busy", "there are too many streams of events"))

    def _enter(self, stream: Stream) -> None:
        self.all[stream] = None
        self._by_token[stream.token] += 1
        self._by_address[stream.address] += 1

    def _comment(self) -> None:
        for stream in list(self.all):
            stream.comment()

    def _sweep(self) -> None:
        """End what nobody reads, and what belongs to a token that has expired."""
        now = self.reactor.seconds()
        for stream in list(self.all):
            if stream.paused_at is not None and now - stream.paused_at > SILENT:
                self.dropped += 1
                stream.cut()
            elif not stream.is_valid():
                stream.end()


@implementer(IPushProducer)
class Stream:
    """The events of one client."""

    def __init__(
        self,
        streams: Streams,
        http: HTTPRequest,
        token: str,
        address: str,
        ask: Ask,
        is_valid: Callable[[], bool],
    ) -> None:
        self.token = token
        self.address = address
        self.is_valid = is_valid
        self.paused_at: float | None = None
        """Since when the client has not read what was sent; None if it reads."""
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
            self._streams.leave(self)
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
                    self._streams.dropped += 1
                    self.cut()
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
            self._streams.leave(self)
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
        self._streams.leave(self)
        if not self._http.is_gone:
            self._http.channel.leave()

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
            error = reply.get("error")
            raise of_error(error if isinstance(error, dict) else {})
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
        self._streams.leave(self)


def since_of(request: WebRequest) -> int | None:
    """Return the revision that a client has, of `Last-Event-ID` or `since`; raises Problem."""
    lines = request.field_lines("last-event-id")
    given = [value for name, value in request.query if name == "since"]
    unknown = sorted({name for name, _ in request.query if name != "since"})
    if unknown:
        raise of_http(400, f"events have no parameter {unknown[0][:100]!r}; known: since")
    text = lines[-1].strip() if lines else given[-1] if given else None
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise of_http(400, "Last-Event-ID, and since, must be a revision: a whole number")
    return int(text)


def revision_of(line: bytes) -> int:
    """Return the revision of a reply; raises KeyError, TypeError or ValueError."""
    return int(json.loads(line)["revision"])
