"""The lanes to the control process: which request goes next, and on which of them.

    changes       four at a time
    short reads   two at a time
    long reads    of everything there is: one at a time
    all of them   the tokens take turns

The control process rests after each step of a read, so that reads take at most a third of its time.
Identical reads of a token that have not begun become one: a read that begins after a request
arrived is fresh for it.  A request of a client that has gone is dropped, unless it changes
something.  A lane that ends is replaced by the control process; what it had under way gets an
unknown outcome if it may have changed something.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected
from failoverdns.net.adopting import adopt
from failoverdns.web.bodies import BodyMemory
from failoverdns.web.calls import LaneKind
from failoverdns.web.fair_queue import FairQueue, Full
from failoverdns.web.problems import Problem, of_http, of_refusal
from failoverdns.web.replies import Client, Reply
from failoverdns.web.work import Work

MOST_WAITING: Final = 500
"""Requests that wait for a lane; as many reads as changes."""

MOST_OF_ONE: Final = 100
"""Those of one token."""

AT_A_TIME: Final[Mapping[Work, int]] = {Work.CHANGES: 4, Work.READS: 2, Work.LONG_READS: 1}
"""Requests under way at a time."""

OF_ONE: Final[Mapping[Work, int]] = {Work.CHANGES: 3, Work.READS: 1, Work.LONG_READS: 1}
"""Those of one token; others find a lane."""

LONG: Final = 1 << 16
"""Bytes of a long request."""

MOST_LONG: Final = 16
"""Long requests that wait or are under way."""

MOST_LONG_OF_ONE: Final = 4
"""Those of one token."""

WAIT: Final = 15.0
"""Seconds that a request waits for a lane."""

UNDER_WAY: Final = 900.0
"""Seconds after which a lane without a reply is given up."""

_LOST: Final = Rejected(
    "unknown-outcome",
    "the connection to the control process broke: the command may or may not have been carried "
    "out; check before you retry, or retry with the same Idempotency-Key",
)
_AGAIN: Final = Rejected("busy", "the server is busy, or restarts; nothing was done: try again")
_FULL: Final = Rejected("busy", "too many requests wait; nothing was done: try again")


class Waiting:
    """A request on its way: it waits for a lane, and then for its reply."""

    def __init__(
        self, owner: str, line: bytes, reply: Reply, since: float, work: Work, key: object
    ) -> None:
        """Wait since a time; `line` is what is written on the lane: the caller, and the request."""
        self.owner = owner
        self.line = line
        self.reply = reply
        self.since = since
        self.work = work
        self.key = key
        self.is_long = len(line) > LONG


class Lane(Protocol):
    """A connection to the control process, with at most one request under way."""

    transport: Any

    def __init__(self, kind: LaneKind, lanes: Lanes) -> None:
        self.kind = kind
        self.request: Waiting | None = None
        """The request that is under way."""
        self.since = 0.0
        """When the request began."""
        self._lanes = lanes

    def connectionMade(self) -> None:  # noqa: N802
        """Be used from now on."""
        self._lanes.joined(self)

    def begin(self, request: Waiting, now: float) -> None:
        """Send a request."""
        self.request, self.since = request, now
        self.transport.write(request.line)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Pass a part of a reply on."""
        request = self.request
        if request is None:  # nothing was asked
            self.transport.abortConnection()
            return
        end = data.find(b"\n") + 1
        if not end:
            request.reply.take(data, is_last=False)
            return
        self.request = None
        request.reply.take(data[:end], is_last=True)
        if end < len(data):
            self.transport.abortConnection()
        self._lanes.answered(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Give up the request under way."""
        self._lanes.lost(self)


class Lanes:
    """All lanes for commands, and the requests that wait for them."""

    def __init__(self, reactor: Any, held: BodyMemory) -> None:
        """Prepare; there is no lane yet."""
        self._reactor = reactor
        self._held = held
        self._lanes: dict[Lane, None] = {}
        self._queues = {work: FairQueue[Waiting](MOST_WAITING, MOST_OF_ONE) for work in Work}
        self._under_way: dict[Work, Counter[str]] = {work: Counter() for work in Work}
        self._long: Counter[str] = Counter()
        """Long requests that wait or are under way."""
        self._unbegun: dict[object, Waiting] = {}
        """Reads that have not begun, by token and line."""
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = reactor

    def start(self) -> None:
        """Give up what waits for too long, from now on."""
        self._sweeping.start(1.0, now=False)

    def open(self, kind: LaneKind, descriptor: int) -> None:
        """Use a connection to the control process, which is duplicated."""
        adopt(self._reactor, descriptor, Lane(kind, self))

    @property
    def has_any(self) -> bool:
        """Whether there is a lane."""
        return bool(self._lanes)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, and nothing is under way."""
        return not any(map(len, self._queues.values())) and not any(
            lane.request for lane in self._lanes
        )

    def ask(
        self,
        owner: str,
        caller: Mapping[str, Json],
        line: bytes,
        client: Client,
        *,
        work: Work,
        compresses: bool = False,
    ) -> Callable[[], None]:
        """Have a request carried out, for `client`; returns what to call when that has gone.

        `owner` is who asks, for fairness; `line` is the request, its newline removed.
        Raises Problem if too many wait.
        """
        key = (owner, line, compresses, caller.get("if_match"))
        reads = work is not Work.CHANGES
        request = self._unbegun.get(key) if reads else None
        if request is None:
            text = json.dumps(caller).encode() + b"\n" + line + b"\n"
            reply = Reply(self._held, owner, compresses=compresses)
            request = Waiting(owner, text, reply, self._reactor.seconds(), work, key)
            try:
                self._check_long(owner, len(text))
                self._queues[work].add(request)
            except Full as full:
                raise _too_many(full) from None
            self._long[owner] += request.is_long
            if reads:
                self._unbegun[key] = request
            self._reactor.callLater(0, self._dispatch, work)
        request.reply.join(client)
        return partial(self._leave, request, client)

    def joined(self, lane: Lane) -> None:
        """Use a lane from now on."""
        self._lanes[lane] = None
        for work in Work:
            self._dispatch(work)

    def answered(self, request: Waiting) -> None:
        """Go on after the last byte of a reply."""
        self._end(request)
        for work in Work:
            self._dispatch(work)

    def lost(self, lane: Lane) -> None:
        """Give up what was under way on a lane."""
        self._lanes.pop(lane, None)
        request, lane.request = lane.request, None
        if request is not None:
            self._end(request)
            is_change = request.work is Work.CHANGES
            request.reply.fail(of_refusal(_LOST if is_change else _AGAIN))

    def _check_long(self, owner: str, size: int) -> None:
        """Raise Full if there are too many long requests for one more."""
        if size > LONG and self._long[owner] >= MOST_LONG_OF_ONE:
            raise Full(by_owner=True)
        if size > LONG and self._long.total() >= MOST_LONG:
            raise Full(by_owner=False)

    def _note_over(self, request: Waiting) -> None:
        """Note that a request neither waits nor is under way any more."""
        self._long[request.owner] -= request.is_long
        if not self._long[request.owner]:
            del self._long[request.owner]

    def _leave(self, request: Waiting, client: Client) -> None:
        """Note that a client has gone; a read that has not begun is dropped with its last one."""
        request.reply.leave(client)
        if not request.reply.clients and self._unbegun.get(request.key) is request:
            del self._unbegun[request.key]
            self._queues[request.work].remove(request)
            self._note_over(request)

    def _dispatch(self, work: Work) -> None:
        """Begin what can begin."""
        kind = LaneKind.COMMANDS if work is Work.CHANGES else LaneKind.READS
        for lane in [one for one in self._lanes if one.kind is kind and one.request is None]:
            request = self._next(work)
            if request is None:
                return
            self._under_way[work][request.owner] += 1
            self._forget(request)
            lane.begin(request, self._reactor.seconds())

    def _next(self, work: Work) -> Waiting | None:
        """Return the request whose turn it is; a token alone may have all places for reads."""
        queue, running = self._queues[work], self._under_way[work]
        if running.total() >= AT_A_TIME[work]:
            return None
        found = queue.next(lambda owner: running[owner] < OF_ONE[work])
        if found is None and work is Work.READS:
            found = queue.next(lambda owner: True)
        return found

    def _end(self, request: Waiting) -> None:
        self._note_over(request)
        running = self._under_way[request.work]
        running[request.owner] -= 1
        if not running[request.owner]:
            del running[request.owner]

    def _forget(self, request: Waiting) -> None:
        """Let no other request join one that begins, or is given up."""
        if self._unbegun.get(request.key) is request:
            del self._unbegun[request.key]

    def _sweep(self) -> None:
        """Give up requests that have waited for too long, and lanes without a reply."""
        now = self._reactor.seconds()
        for queue in self._queues.values():
            for request in queue:
                if now - request.since > WAIT:
                    queue.remove(request)
                    self._forget(request)
                    self._note_over(request)
                    request.reply.fail(of_refusal(_AGAIN))
        for lane in list(self._lanes):
            if lane.request is not None and now - lane.since > UNDER_WAY:
                lane.transport.abortConnection()


def _too_many(full: Full) -> Problem:
    if full.by_owner:
        text = "too many requests of this token wait; nothing was done: try again"
        return of_http(429, text, code="busy", fields={"Retry-After": "1"})
    return of_refusal(_FULL)
