"""The control process's end of a lane, on which the web process hands over one request at a time.

    caller, request  ->  reply  ->  caller, request  ->  reply  -> ...

A request is the line of a client of the control socket, and so is the reply, so that HTTP and the
socket answer the same.  Before it comes a line with the caller (`control.lane_callers`).  All lanes
together are one user among those of the control socket, whose turns and shares they have part in;
they take none of its places, and pause their reading together (`control.reading_rest`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.control.connection import STALLED_TIMEOUT
from failoverdns.control.conversation import Conversation
from failoverdns.control.lane_callers import MAX_CALLER, LaneCallers
from failoverdns.control.language.requests import write_refusal
from failoverdns.control.reading_rest import ReadingRest
from failoverdns.control.shared import Shared
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.adopting import adopt
from failoverdns.net.detaching import is_flushed

LANES: Final = -2
"""The number of the user that all lanes are together; no user of the system has it."""

_RESTARTS: Final = Rejected("busy", "nothing was changed: the server restarts; try again")


class _Stage(enum.Enum):
    CALLER = enum.auto()
    """The next line is that of a caller."""
    REQUEST = enum.auto()
    """The next line is a request."""
    REPLY = enum.auto()
    """The request is whole, and not answered yet."""


@implementer(IPushProducer)
class WebLane(Protocol):
    """One lane."""

    transport: Any
    log = Logger()

    def __init__(self, lanes: WebLanes, closed: Callable[[str], None]) -> None:
        """Serve a lane of `lanes`; `closed` is called when it is closed, unless they all are.

        It gets in words how the web process broke the protocol, or an empty text.
        """
        self.uid = LANES
        self.virtual_time = 0.0
        self._lanes = lanes
        self._closed = closed
        self._conversation = Conversation(self, lanes.shared, self._watch)
        self._stage = _Stage.CALLER
        self._received = bytearray()
        self._is_taking = self._paused = self._gone = False
        self._reads = True
        self._timer: IDelayedCall | None = None
        self._fault = ""

    def connectionMade(self) -> None:  # noqa: N802
        """Begin to serve the lane."""
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take a caller, or a request, from bytes that arrived."""
        if not self._gone:
            self._received += data
            self._take()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Forget the lane; a command that changes something is still carried out."""
        self._gone = True
        self._stop_timer()
        self._conversation.abandon()
        self._lanes.shared.turns.leave(self)
        if self._lanes.forget(self):
            self._closed(self._fault)

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop: the web process does not read."""
        self._paused = True
        clock = self._lanes.shared.clock
        self._timer = clock.callLater(STALLED_TIMEOUT, self.transport.abortConnection)

    def resumeProducing(self) -> None:  # noqa: N802
        """Continue: the web process reads again."""
        self._paused = False
        self._stop_timer()
        self.look()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the lane is closing."""

    @property
    def next_size(self) -> int:
        """The bytes of the request that the next step takes; 0 if it takes none."""
        return 0 if self._paused else self._conversation.next_size

    def step(self) -> bool:
        """Take the request, or send a piece of its reply; return whether there may be more."""
        if self._gone:
            return False
        try:
            reads = self._conversation.is_reading and not self._paused
            if reads and not self._lanes.rest.may_read(self):
                return False
            if not self._paused:
                took, piece = self._timed_step()
                if piece:
                    self.transport.write(piece)
                if took or piece is not None:
                    return not self._gone
            self._take()
        except Exception:
            self.log.failure("a lane could not be served")
            self.transport.abortConnection()
        return False

    def _timed_step(self) -> tuple[bool, bytes | None]:
        """Take the request, and return a piece of its reply; note the time if that only reads."""
        clock, began = self._lanes.shared.clock, self._lanes.shared.clock.seconds()
        took, piece = self._conversation.take_one(), self._conversation.next_piece()
        if self._conversation.is_reading:
            self._lanes.rest.note(clock.seconds() - began)
        return took, piece

    def look(self) -> None:
        """Go on when it is this lane's turn: what it waited for may be there."""
        if not self._gone:
            self._lanes.shared.turns.ready(self)

    def send_event(self, line: bytes) -> None:
        """Send an event to a lane that watches; close it if the web process does not read them."""
        if not self._conversation.send_event(line):
            self.transport.abortConnection()

    def refuse_rest(self, restarted: Callable[[Json], bytes]) -> None:
        """Reply to `restart`, and refuse a request that was not taken: the server ends.

        `restarted` makes the reply of the id of the request.
        """
        if self._gone:
            return
        conversation = self._conversation
        if conversation.watching:
            return
        if conversation.restarts:
            self.transport.write(restarted(conversation.restart_id))
        elif conversation.is_answered and (self._stage is _Stage.REPLY or self._received):
            self.transport.write(write_refusal(None, _RESTARTS))
        self._gone = True

    @property
    def watching(self) -> bool:
        """Whether the lane gets events."""
        return self._conversation.watching

    @property
    def is_quiet(self) -> bool:
        """Whether every reply is given to the kernel, but that to `restart`."""
        return self._gone or (self._conversation.is_answered and is_flushed(self.transport))

    def _watch(self) -> bool:
        """Return whether the lane may get events: the web process itself may have them."""
        return self._conversation.caller.only is not None

    def _take(self) -> None:
        """Take what was received, as far as it is its turn: a caller, then one request."""
        if self._is_taking or self._gone:
            return
        self._is_taking = True
        try:
            while self._goes_on():
                pass
        except Malformed as fault:
            self._gone = True
            self._fault = str(fault)
            self.transport.abortConnection()
        finally:
            self._is_taking = False
        self._read_or_not()

    def _goes_on(self) -> bool:
        """Do one thing with what was received; return whether there may be more to do."""
        match self._stage:
            case _Stage.CALLER:
                return self._take_caller()
            case _Stage.REQUEST:
                return self._take_request()
            case _Stage.REPLY:
                conversation = self._conversation
                if not conversation.is_idle or conversation.watching or self._paused:
                    return False
                self._stage = _Stage.CALLER
                return True

    def _take_caller(self) -> bool:
        end = self._received.find(b"\n")
        if max(end, len(self._received) if end < 0 else 0) > MAX_CALLER:
            raise Malformed("a caller that is too long")
        if end < 0:
            return False
        asked = self._lanes.callers.read(bytes(self._received[:end]))
        del self._received[: end + 1]
        self._conversation.caller, self._conversation.expected = asked.caller, asked.expected
        self._stage = _Stage.REQUEST
        return True

    def _take_request(self) -> bool:
        end = self._received.find(b"\n")
        size = len(self._received) if end < 0 else end + 1
        piece = bytes(self._received[:size])
        del self._received[:size]
        if piece:
            self._conversation.intake.lines.add(piece)
        if end >= 0:
            self._stage = _Stage.REPLY
        self.look()
        return end >= 0

    def _read_or_not(self) -> None:
        """Read from the lane, unless what was received before has to be taken first."""
        if self._gone:
            return
        waits = self._stage is _Stage.REPLY and not self._conversation.watching
        reads = not self._paused and not waits and self._conversation.may_receive
        if reads != self._reads:
            self._reads = reads
            (self.transport.resumeProducing if reads else self.transport.pauseProducing)()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


class WebLanes:
    """All lanes of one web process after the other."""

    def __init__(self, shared: Shared, callers: LaneCallers) -> None:
        """Share turns, shares and commands with the clients of the control socket."""
        self.shared = shared
        self.callers = callers
        self.rest = ReadingRest(shared.clock)
        self._lanes: dict[WebLane, None] = {}

    def __iter__(self) -> Iterator[WebLane]:
        return iter(tuple(self._lanes))

    def open(self, reactor: Any, descriptor: int, closed: Callable[[str], None]) -> None:
        """Serve a lane at a connected Unix socket, which the reactor duplicates.

        `closed` is called when the web process has closed it, with an empty text, or when that
        broke the protocol: then with what it sent.
        """
        lane = WebLane(self, closed)
        self._lanes[lane] = None
        adopt(reactor, descriptor, lane)

    def forget(self, lane: WebLane) -> bool:
        """Forget a lane that is closed; return whether it was one of these."""
        return self._lanes.pop(lane, self) is None

    def close(self) -> None:
        """Close every lane: their web process has ended, or will."""
        lanes, self._lanes = tuple(self._lanes), {}
        for lane in lanes:
            lane.transport.loseConnection()

    def send_event(self, line: bytes) -> None:
        """Send an event to the lane that watches."""
        for lane in self:
            if lane.watching:
                lane.send_event(line)

    def look(self) -> None:
        """Have every lane go on: requests are taken again."""
        for lane in self:
            lane.look()

    @property
    def is_quiet(self) -> bool:
        """Whether every request that was taken is answered, but `restart`."""
        return all(lane.is_quiet for lane in self)

    def refuse_rest(self, restarted: Callable[[Json], bytes]) -> None:
        """Answer everything that was not answered, before the program is replaced.

        `restarted` makes the reply to `restart` of the id of its request.
        """
        for lane in self:
            lane.refuse_rest(restarted)
