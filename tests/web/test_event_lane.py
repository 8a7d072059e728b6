"""The lane for events: what is asked on it, what it brings, and what closes it."""

from __future__ import annotations

import pytest
from web_in_memory import Wire

from failoverdns.model.errors import Malformed
from failoverdns.web.event_lane import MAX_LINE, EventLane

REPLY = b'{"ok": true, "revision": 42, "result": {}}\n'


class Taking:
    """An open lane, and what came on it."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.events: list[bytes] = []
        self.has_ended = False
        self.wire = Wire()
        self.lane = EventLane(self.begun.append, self.take, self.end)
        self.lane.makeConnection(self.wire)

    def take(self, line: bytes) -> None:
        """Take an event."""
        if line == b"[]":
            raise Malformed("an event that is no object")
        self.events.append(line)

    def end(self) -> None:
        """Note the end."""
        self.has_ended = True


def test_events_are_asked_for_and_follow_the_revision_of_the_reply() -> None:
    """Lines arrive in any pieces."""
    taking = Taking()
    assert taking.wire.take() == b'{"internal": "events"}\n{"command": "watch"}\n'
    for byte in REPLY + b'{"revision": 43}\n{"revision": 44}\n{"rev':
        taking.lane.dataReceived(bytes([byte]))
    assert taking.begun == [42]
    assert taking.events == [b'{"revision": 43}', b'{"revision": 44}']


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\n",
        b'{"ok": false}\n',
        b"[]\n",
        REPLY + b"[]\n",
        pytest.param(REPLY + b"x" * (MAX_LINE + 1), id="a line without an end"),
    ],
)
def test_a_lane_with_nonsense_is_closed(data: bytes) -> None:
    taking = Taking()
    taking.lane.dataReceived(data)
    assert taking.wire.aborted
    assert taking.events == []


def test_the_end_of_the_lane_is_reported() -> None:
    """The streams end then, because events may be missed."""
    taking = Taking()
    taking.lane.connectionLost()
    assert taking.has_ended
