"""The lanes between the control process and the web process: opened, and replaced when they end.

A lane is a pair of connected sockets: the control process serves commands at one of them, and the
web process gets the other one.  The web process may close a lane, and gets another one for it.  One
that breaks the protocol, or closes lane after lane, does what none of ours would do: it is killed.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from failoverdns.net.descriptors import OURS
from failoverdns.web.calls import LANES, Call
from failoverdns.web.interface import Lanes
from failoverdns.web.process import WebProcess

NEW_LANE: Final = 0.02
"""Seconds before a lane that ended is replaced."""

WANT: Final = "lanes of the web process"
"""Name of the open files that lanes need."""


class LaneOpening:
    """Opens the lanes of the present web process."""

    def __init__(
        self, reactor: Any, lanes: Lanes, is_present: Callable[[WebProcess], bool]
    ) -> None:
        """Prepare; commands come in at `lanes`.

        `is_present` returns whether a process is the one that serves, and not an earlier one.
        """
        self._reactor = reactor
        self._lanes = lanes
        self._is_present = is_present

    def reserve(self) -> None:
        """Count the open files of lanes among those that the server needs."""
        OURS.want(WANT, len(LANES), used=lambda: len(LANES), changed=lambda _: None)

    def release(self) -> None:
        """Need no open files any more."""
        OURS.forget(WANT)

    def open_all(self, process: WebProcess) -> None:
        """Open every lane of a process."""
        for number in range(len(LANES)):
            self._open(process, number)

    def close_all(self) -> None:
        """Close every lane."""
        self._lanes.close()

    def _open(self, process: WebProcess, number: int) -> None:
        """Open a lane, perhaps in place of one that has ended."""
        if not self._is_present(process):
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            closed = partial(self._closed, process, number)
            self._lanes.open(self._reactor, ours.fileno(), closed)
            process.call_later(
                Call.LANES, {"lanes": [[number, LANES[number].value]]}, [theirs.fileno()]
            )

    def _closed(self, process: WebProcess, number: int, fault: str) -> None:
        """Replace a lane that has ended, unless the process ends lanes as none of ours would."""
        if not process.is_serving:
            return
        why = f"it sent {fault} on a lane" if fault else ""
        if not why and not process.lane_ends.take(self._reactor.seconds()):
            why = "it closes one lane after another"
        if why:
            process.is_serving = False
            process.distrust(why)
        else:
            self._reactor.callLater(NEW_LANE, self._open, process, number)
