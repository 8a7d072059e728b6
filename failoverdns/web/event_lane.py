"""The lane on which the control process sends what happens: the lines that `watch` prints.

It is asked once, when it opens; the reply names the revision after which events follow.  A line
that cannot be understood closes the lane, and the control process opens another one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.model.errors import Malformed

MAX_LINE: Final = 8 << 20
"""Bytes of one event."""

_ASK: Final = b'{"internal": "events"}\n{"command": "watch"}\n'

log = Logger()


class EventLane(Protocol):
    """The web process's end of the lane for events."""

    transport: Any

    def __init__(
        self,
        begin: Callable[[int], None],
        take: Callable[[bytes], None],
        lost: Callable[[], None],
    ) -> None:
        """Call `begin` with the revision after which events follow, then `take` with each event.

        An event is a line of `watch`.  `take` may raise Malformed, ValueError, KeyError or
        TypeError: the lane is closed then.  `lost` is called when the lane has ended.
        """
        self._begin = begin
        self._take_event = take
        self._lost = lost
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
            self._take_event(line)
        else:
            self._has_begun = True
            self._begin(revision_of(line))

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Report the end."""
        self._lost()


def revision_of(line: bytes) -> int:
    """Return the revision of a reply; raises KeyError, TypeError or ValueError."""
    return int(json.loads(line)["revision"])
