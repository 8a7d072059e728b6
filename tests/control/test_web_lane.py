"""A lane: one request at a time of the web process, for many clients, beside the Unix socket."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from slow_commands import Slow, Transport, lines
from twisted.internet.task import Clock

from failoverdns.control.caller import Caller
from failoverdns.control.connection import STALLED_TIMEOUT
from failoverdns.control.conversation import MAX_EVENTS
from failoverdns.control.lane_callers import MAX_CALLER, LaneCallers
from failoverdns.control.language.requests import MAX_LINE
from failoverdns.control.server import ControlFactory
from failoverdns.control.web_lane import WebLane, WebLanes
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import unix_principal
from failoverdns.model.roles import EVERYTHING, Grant, Rights, Role
from failoverdns.net.peer import AccountRoles

TOKEN = b'{"token": "a", "digest": "00", "address": "192.0.2.7"}\n'
EVENTS = b'{"internal": "events"}\n'
SWITCH = b'{"id": 7, "command": "switch", "groups": ["shop"]}\n'
STATUS = b'{"command": "status"}\n'


class Holders:
    """Holds the token `a` of an admin, and `v` of a viewer."""

    def caller(self, token_id: str, digest: bytes, address: str) -> Caller:
        """Return the caller with the name of the token as its command."""
        if token_id not in "av":
            raise Rejected("forbidden", "this token is wrong, or was removed")
        rights = EVERYTHING if token_id == "a" else Rights((Grant(Role.VIEWER),))
        return Caller(unix_principal(1, 1, token_id), lambda: rights)


class Opened:
    """Takes the place of a reactor: a lane gets a transport that keeps what is sent."""

    def __init__(self) -> None:
        self.lanes: list[tuple[WebLane, Transport]] = []

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:  # noqa: N802
        """Connect the protocol of a factory."""
        transport, lane = Transport(), factory.buildProtocol(None)
        self.lanes.append((lane, transport))
        lane.makeConnection(transport)


class Served:
    """Lanes beside a control socket, with commands that a test answers."""

    def __init__(self) -> None:
        self.slow, self.clock = Slow(), Clock()
        roles = AccountRoles({}, {}, is_open=True)
        self.factory = ControlFactory(self.clock, self.slow, roles, {0: "root"}.get)
        own = unix_principal(os.getuid(), 1, "failoverdns")
        self.lanes = WebLanes(self.factory, LaneCallers(Holders(), own))
        self.closed = 0
        self.faults: list[str] = []
        self._opened = Opened()

    def open(self) -> tuple[WebLane, Transport]:
        """Open another lane."""

        def count(fault: str) -> None:
            self.closed += 1
            self.faults.append(fault)

        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.lanes.open(self._opened, ours.fileno(), count)
        return self._opened.lanes[-1]


@pytest.fixture
def served() -> Served:
    return Served()


def test_a_request_gets_the_reply_of_the_control_socket(served: Served) -> None:
    lane, transport = served.open()
    lane.dataReceived(TOKEN + SWITCH)
    ((request, _),) = served.slow.changes
    assert request.given == {"command": "switch", "groups": ["shop"]}
    assert request.expected is None
    assert served.slow.principal == unix_principal(1, 1, "a")
    assert not served.lanes.is_quiet
    served.slow.finish(0, "done")
    assert transport.replies() == ["done"]
    assert served.lanes.is_quiet


def test_bytes_may_arrive_in_any_pieces(served: Served) -> None:
    lane, transport = served.open()
    for index in range(len(TOKEN + SWITCH)):
        lane.dataReceived((TOKEN + SWITCH)[index : index + 1])
    served.slow.finish(0, "done")
    assert transport.replies() == ["done"]


def test_each_request_has_its_own_caller(served: Served) -> None:
    """What one token demands or may do does not count for the next one."""
    lane, transport = served.open()
    lane.dataReceived(TOKEN.replace(b"}", b', "if_match": 42}') + SWITCH)
    served.slow.finish(0, "first")
    lane.dataReceived(TOKEN.replace(b'"a"', b'"v"') + STATUS)
    served.slow.reads[0].callback(lines("second"))
    lane.dataReceived(TOKEN + SWITCH)
    served.slow.finish(1, "third")
    assert transport.replies() == ["first", "second", "third"]
    assert [request.expected for request, _ in served.slow.changes] == [42, None]


def test_the_next_request_waits_for_the_reply(served: Served) -> None:
    """The end of a reply may be read, and another request sent, before the lane is free here."""
    lane, transport = served.open()
    lane.dataReceived(TOKEN + SWITCH + TOKEN + SWITCH)
    assert len(served.slow.changes) == 1
    assert transport.producerState == "paused"  # nothing more is read meanwhile
    served.slow.finish(0, "first")
    assert len(served.slow.changes) == 2
    served.slow.finish(1, "second")
    assert transport.replies() == ["first", "second"]
    assert transport.producerState == "producing"


def test_a_request_that_cannot_be_read_is_refused_and_the_lane_goes_on(served: Served) -> None:
    lane, transport = served.open()
    lane.dataReceived(TOKEN + b'{"id": 1, "command": "sing"}\n')
    lane.dataReceived(TOKEN + b"{" + b"x" * MAX_LINE + b"\n")
    lane.dataReceived(TOKEN + SWITCH)
    served.slow.finish(0, "done")
    unknown, too_long, done = transport.replies()
    assert (unknown["id"], unknown["error"]["code"]) == (1, "unknown-command")
    assert too_long["error"]["code"] == "malformed"
    assert done == "done"


@pytest.mark.parametrize(
    "sent", [pytest.param(SWITCH, id="no caller"), pytest.param(b"x" * 5000, id="no line")]
)
def test_a_lane_that_breaks_the_protocol_is_closed(served: Served, sent: bytes) -> None:
    lane, transport = served.open()
    assert len(sent) > MAX_CALLER or b"\n" in sent
    lane.dataReceived(sent)
    assert transport.aborted
    assert not served.slow.changes
    lane.connectionLost()
    assert served.faults != [""]


def test_a_lane_of_events_gets_them_until_it_is_closed(served: Served) -> None:
    lane, transport = served.open()
    _, other = served.open()
    lane.dataReceived(EVENTS + b'{"command": "watch"}\n')
    served.slow.reads[0].callback(lines("watching"))
    served.lanes.send_event(b'"event"\n')
    assert transport.replies() == ["watching", "event"]
    assert other.value() == b""
    lane.connectionLost()
    served.lanes.send_event(b'"event"\n')
    assert served.closed == 1


def test_a_token_cannot_watch_on_a_lane(served: Served) -> None:
    """It would never get its reply."""
    lane, transport = served.open()
    lane.dataReceived(TOKEN + b'{"command": "watch"}\n')
    (refusal,) = transport.replies()
    assert refusal["error"]["code"] == "busy"
    assert not lane.watching


def test_events_that_are_not_read_close_the_lane(served: Served) -> None:
    """Memory is bounded; the web process opens another one, and reads the history."""
    lane, transport = served.open()
    lane.dataReceived(EVENTS + b'{"command": "watch"}\n')
    served.slow.reads[0].callback(lines("watching"))
    lane.pauseProducing()
    for _ in range(MAX_EVENTS):
        served.lanes.send_event(b'"event"\n')
    assert not transport.aborted
    served.lanes.send_event(b'"event"\n')
    assert transport.aborted


def test_a_lane_that_is_not_read_is_closed_after_a_while(served: Served) -> None:
    lane, transport = served.open()
    lane.pauseProducing()
    served.clock.advance(STALLED_TIMEOUT - 1)
    assert not transport.aborted
    served.clock.advance(1)
    assert transport.aborted


def test_a_command_is_carried_out_though_its_lane_is_closed(served: Served) -> None:
    lane, transport = served.open()
    lane.dataReceived(TOKEN + SWITCH)
    lane.connectionLost()
    served.slow.finish(0, "done")
    assert transport.value() == b""
    assert served.closed == 1
    assert served.lanes.is_quiet


def test_lanes_take_no_place_of_a_client_of_the_control_socket(served: Served) -> None:
    before = served.factory.places.report()
    for _ in range(8):
        served.open()
    assert served.factory.places.report() == before


def test_all_lanes_are_closed_with_their_process(served: Served) -> None:
    """Nobody is asked to replace them."""
    lane, transport = served.open()
    served.lanes.close()
    assert transport.disconnecting
    lane.connectionLost()
    assert served.closed == 0


def test_a_restart_answers_everything_that_was_asked(served: Served) -> None:
    """Nothing is lost without a word: what was not taken was not begun."""
    (first, restarting), (second, waiting), (_, idle) = served.open(), served.open(), served.open()
    first.dataReceived(TOKEN + b'{"id": 5, "command": "restart"}\n')
    assert len(served.slow.acts) == 1
    served.factory.suspend()
    second.dataReceived(TOKEN + SWITCH)
    assert not served.slow.changes
    assert served.lanes.is_quiet
    served.lanes.refuse_rest(lambda id_: json.dumps({"id": id_}).encode() + b"\n")
    assert restarting.replies() == [{"id": 5}]
    (refusal,) = waiting.replies()
    assert refusal["error"]["code"] == "busy"
    assert "the server restarts" in refusal["error"]["message"]
    assert idle.value() == b""


def test_a_restart_that_is_given_up_goes_on_with_what_was_asked(served: Served) -> None:
    lane, transport = served.open()
    served.factory.suspend()
    lane.dataReceived(TOKEN + SWITCH)
    served.factory.resume()
    served.lanes.look()
    served.slow.finish(0, "done")
    assert transport.replies() == ["done"]


def pieces(count: int) -> Iterator[bytes]:
    """Yield a reply in pieces."""
    yield from (b'"', *(b"x" * 1000 for _ in range(count)), b'"\n')


def test_a_long_reply_comes_in_pieces_and_waits_for_its_reader(served: Served) -> None:
    lane, transport = served.open()
    lane.dataReceived(TOKEN + STATUS)
    lane.pauseProducing()
    served.slow.reads[0].callback(pieces(100))
    assert transport.value() == b""
    lane.resumeProducing()
    while served.clock.getDelayedCalls():
        served.clock.advance(0.01)
    assert transport.replies() == ["x" * 100_000]


def working(clock: Clock, count: int) -> Iterator[bytes]:
    """Yield a reply in pieces, each of which takes a millisecond."""
    for piece in pieces(count):
        clock.rightNow += 0.001
        yield piece


def test_reading_over_http_leaves_most_of_the_time_to_others(served: Served) -> None:
    """All lanes together: after each piece, nothing is read for twice as long as it took."""
    lanes = [served.open() for _ in range(3)]
    for lane, _ in lanes:
        lane.dataReceived(TOKEN + STATUS)
    for reading in served.slow.reads:
        reading.callback(working(served.clock, 50))
    assert len(served.slow.reads) == 3
    began = served.clock.seconds()

    def sent() -> int:
        return sum(len(transport.value()) for _, transport in lanes)

    while not all(transport.value().endswith(b'"\n') for _, transport in lanes):
        before = sent()
        served.clock.advance(0.0005)
        assert sent() - before <= 1000
    assert served.clock.seconds() - began >= 3 * 50 * 0.003
    assert [len(line) for _, one in lanes for line in one.replies()] == [50_000] * 3


def test_a_command_that_changes_something_does_not_wait_for_those_that_read(
    served: Served,
) -> None:
    (reader, _), (writer, transport) = served.open(), served.open()
    reader.dataReceived(TOKEN + STATUS)
    served.slow.reads[0].callback(working(served.clock, 1000))
    writer.dataReceived(TOKEN + SWITCH)
    served.clock.advance(0)  # the turn of the reactor after the one that has read
    served.slow.finish(0, "done")
    served.clock.advance(0)
    assert transport.replies() == ["done"]
    assert served.clock.seconds() < 0.01
