"""The events of one client: where they begin, what it missed, and a client that does not read."""

from __future__ import annotations

import json

import pytest
from streaming import History, Listening, change, happen, web_with_history
from web_in_memory import Web, read_responses

from failoverdns.web.events import SILENT


@pytest.fixture
def web() -> Web:
    return web_with_history()


def test_a_stream_begins_at_once_and_has_what_happens(web: Web) -> None:
    stream = Listening(web)
    assert stream.got.status == 200
    assert stream.got.fields["content-type"] == "text/event-stream"
    assert stream.got.fields["cache-control"] == "no-store"
    assert stream.read() == []
    happen(web, 43, 44)
    web.event({"event": "switch", **change(0), "revision": None, "unrecorded": True})
    web.event({"event": "store", "writable": True})
    assert stream.read() == ["43", "44", "unrecorded", "store"]


@pytest.mark.parametrize("given", [{"last_event_id": "43"}, {"target": "/api/v1/events?since=43"}])
def test_a_client_that_comes_back_gets_what_it_missed(web: Web, given: dict[str, str]) -> None:
    happen(web, 43, 44, 45)
    stream = Listening(web, **given)
    assert stream.read() == ["44", "45"]
    happen(web, 46)
    assert stream.read() == ["46"]


def test_what_happened_before_the_web_process_is_in_the_history(web: Web) -> None:
    web.answers["history"] = History(42, page=10)
    stream = Listening(web, last_event_id="5")
    web.go()
    web.clock.pump([1, 0, 1, 0, 1, 0, 1, 0])
    web.go()
    assert stream.read() == [str(number) for number in range(6, 43)]
    happen(web, 43)
    assert stream.read() == ["43"]


def test_an_event_that_comes_while_the_history_is_read_is_sent_once(web: Web) -> None:
    web.answers["history"] = lambda request: None
    connection = web.connect()
    connection.send(web.request("/api/v1/events", last_event_id="40"))
    web.event({"event": "switch", **change(43)})
    (lane,) = web.busy_lanes()
    result = History(42)({"since": 40})
    web.reply(lane, json.dumps({"ok": True, "revision": 42, "result": result}).encode() + b"\n")
    (got,) = read_responses(connection.wire.take())
    assert [line for line in got.body.split(b"\n") if line.startswith(b"id")] == [
        b"id: 41", b"id: 42", b"id: 43",
    ]  # fmt: skip


def test_changes_that_were_trimmed_are_a_reset(web: Web) -> None:
    web.answers["history"] = History(42, trimmed=30)
    stream = Listening(web, last_event_id="5")
    assert stream.read() == ["reset42"]
    happen(web, 43)
    assert stream.read() == ["43"]


def test_a_revision_of_another_server_is_a_reset(web: Web) -> None:
    stream = Listening(web, last_event_id="1000")
    assert stream.read() == ["reset42"]


def test_a_revision_whose_event_has_not_arrived_here_is_no_reset(web: Web) -> None:
    history = web.answers["history"]
    assert isinstance(history, History)
    history.last = 43
    stream = Listening(web, last_event_id="43")
    assert stream.read() == []
    happen(web, 43, 44)
    assert stream.read() == ["44"]


def test_the_head_of_a_stream_can_be_asked(web: Web) -> None:
    got = web.ask("/api/v1/events", method="HEAD")
    assert (got.status, got.body) == (200, b"")
    assert not web.streams.all


def test_a_client_that_does_not_read_is_waited_for_and_then_disconnected(web: Web) -> None:
    stream = Listening(web)
    stream.connection.wire.fill()
    happen(web, 43)
    assert stream.read() == []
    stream.connection.wire.drain()
    assert stream.read() == ["43"]
    stream.connection.wire.fill()
    web.clock.pump([5] * (int(SILENT / 5) + 2))
    assert stream.connection.wire.aborted
    assert web.streams.dropped == 1


def test_a_client_that_needs_what_is_forgotten_is_disconnected(web: Web) -> None:
    stream = Listening(web)
    stream.connection.wire.fill()
    for revision in range(43, 60):
        web.event({"event": "switch", **change(revision), "text": "a" * (1 << 20)})
    stream.connection.wire.drain()
    assert stream.connection.wire.aborted
