"""Server-sent events: what `watch` prints, for any number of clients, over one lane.

Each client has a stream (`web.event_stream`), whose token has to be allowed to read the history.
Every event that comes on the lane (`web.event_lane`) is added to the recent events, from which the
streams take it.

The streams of a removed token end, and so do all when the lane ends, because something may be
missed until there is another one; the clients come back and get what they missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.task import LoopingCall

from failoverdns.model.errors import Rejected
from failoverdns.net.adopting import adopt
from failoverdns.web.event_lane import EventLane
from failoverdns.web.event_stream import Stream
from failoverdns.web.exchange import Ask, WebRequest
from failoverdns.web.http_request import HTTPRequest
from failoverdns.web.problems import Problem, of_http, of_refusal
from failoverdns.web.recent_events import RecentEvents

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

MOST_PAST: Final = 48 << 20
"""Bytes of the history in memory, of clients that do not read them."""

_NOT_YET: Final = Rejected("busy", "the events begin in a moment; try again")


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
        adopt(self.reactor, descriptor, EventLane(self.begin, self.take, self.lost))

    def begin(self, revision: int) -> None:
        """Accept clients from now on; the events after a revision follow."""
        self.recent.begin(revision)
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
            self.left(stream)
            raise
        stream.begin(careful, only_head=request.only_head)

    def left(self, stream: Stream) -> None:
        """Forget a stream."""
        if stream in self.all:
            del self.all[stream]
            self.dropped += stream.was_dropped
            for counter, key in (
                (self._by_token, stream.token),
                (self._by_address, stream.address),
            ):
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]

    def bound_past(self) -> None:
        """Disconnect the clients with the most unread history while there is too much in all."""
        held = sum(stream.past_bytes for stream in self.all)
        while held > self.most_past:
            waiting = (stream for stream in self.all if stream.paused_at is not None)
            most = max(waiting, key=lambda stream: stream.past_bytes, default=None)
            if most is None or not most.past_bytes:
                return
            held -= most.past_bytes
            most.drop()

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
                stream.drop()
            elif not stream.is_valid():
                stream.end()


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
