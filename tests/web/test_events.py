"""Streams of server-sent events: who gets one, what it has, and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from web_in_memory import Connection, Web, read_responses

from failoverdns.web.events import KEPT_ALIVE, MOST, MOST_OF_ADDRESS, MOST_OF_TOKEN, SILENT


def change(revision: int) -> dict[str, Any]:
    return {
        "revision": revision,
        "time": "2026-11-29T14:03:41Z",
        "who": {},
        "command": {"command": "switch"},
        "changed": [],
    }


class History:
    """The history that `history --export` reads, `page` changes at a time."""

    def __init__(self, last: int, page: int = 500, trimmed: int = 0) -> None:
        self.last = last
        self.page = page
        self.trimmed = trimmed

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        since = request["since"]
        if since > self.last:
            return {"ok": False, "error": {"code": "invalid", "message": "it ends before that"}}
        revisions = range(max(since, self.trimmed) + 1, self.last + 1)[: self.page]
        chained = {"previous": "", "hash": "", "document": ""}
        more = bool(revisions) and revisions[-1] < self.last
        trimmed = {"trimmed": self.trimmed} if since < self.trimmed else {}
        return {
            "export": [{**change(one), **chained} for one in revisions], "more": more, **trimmed,
        }  # fmt: skip


@pytest.fixture
def web() -> Web:
    made = Web()
    made.answers["history"] = History(42)
    return made


class Listening:
    """A client that reads events."""

    def __init__(self, web: Web, target: str = "/api/v1/events", **given: Any) -> None:
        self.connection: Connection = web.connect(given.pop("host", "192.0.2.7"))
        self.connection.send(web.request(target, **given))
        (self.got,) = read_responses(self.connection.wire.take())
        self.text = self.got.body

    def read(self) -> list[str]:
        """Return what has arrived: ids of changes, else kinds of events, and comments."""
        body, data = b"", self.connection.wire.take()
        while data:
            size, _, data = data.partition(b"\r\n")
            body, data = body + data[: int(size, 16)], data[int(size, 16) + 2 :]
        self.text += body
        text, self.text = self.text.decode(), b""
        found = []
        for block in text.split("\n\n")[:-1]:
            lines = dict(one.partition(": ")[::2] for one in block.split("\n"))
            if "data" in lines:
                json.loads(lines["data"])
            if lines.get("event") == "change":
                found.append(lines["id"])
            elif "event" in lines:
                found.append(lines["event"] + lines.get("id", ""))
            elif block.startswith(":"):
                found.append("comment")
        return found


def happen(web: Web, *revisions: int) -> None:
    for revision in revisions:
        history = web.answers["history"]
        assert isinstance(history, History)
        history.last = web.revision = revision
        web.event({"event": "switch", **change(revision)})


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


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "9" * 30, "%C2%B2"])
def test_what_is_no_revision_is_refused(web: Web, since: str) -> None:
    assert web.ask(f"/api/v1/events?since={since}").status == 400


def test_an_unknown_parameter_is_refused(web: Web) -> None:
    assert web.ask("/api/v1/events?groups=a").status == 400


def test_a_token_without_the_role_gets_no_stream(web: Web) -> None:
    error = {"code": "forbidden", "message": "this token is for one head"}
    web.answers["history"] = lambda request: {"ok": False, "error": error}
    assert web.ask("/api/v1/events").status == 403
    assert not web.streams.all


def test_a_stream_needs_a_token(web: Web) -> None:
    assert web.ask("/api/v1/events", token=None).status == 401


def test_comments_show_that_a_stream_is_alive(web: Web) -> None:
    stream = Listening(web)
    web.clock.pump([1] * (2 * int(KEPT_ALIVE) + 1))
    assert stream.read() == ["comment", "comment"]


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


def test_the_history_that_nobody_reads_is_bounded(web: Web) -> None:
    """Of clients that ask for old changes and read nothing, those that hold the most have to go."""
    web.streams.most_past = 10_000
    connections = [web.connect() for _ in range(3)]
    for connection, since in zip(connections, (20, 0, 0), strict=True):
        connection.wire.room = 1000
        connection.send(web.request(f"/api/v1/events?since={since}"))
    assert 0 < sum(stream.past_bytes for stream in web.streams.all) <= web.streams.most_past
    assert [connection.wire.aborted for connection in connections] == [False, True, False]
    assert web.streams.dropped == 1
    connections[0].wire.room = None
    connections[0].wire.drain()
    assert b"id: 42\n" in connections[0].wire.take()


def test_streams_of_a_token_end_when_it_is_removed(web: Web) -> None:
    stream = Listening(web)
    other = web.add_token(b"o")
    kept = Listening(web, token=other)
    web.streams.close_of({web.token.id})
    assert stream.connection.wire.take().endswith(b"0\r\n\r\n")
    assert stream.connection.wire.disconnecting
    assert not kept.connection.wire.disconnecting


def test_streams_of_a_token_end_when_it_expires(web: Web) -> None:
    token = web.add_token(b"o", expires=1_800_000_010.0)
    stream = Listening(web, token=token)
    web.clock.pump([5, 5])
    assert stream.connection.wire.disconnecting


def test_streams_end_with_the_lane_and_come_back_with_the_next(web: Web) -> None:
    stream = Listening(web)
    web.streams.lost()
    assert stream.connection.wire.disconnecting
    assert web.ask("/api/v1/events").status == 503
    web.streams.begin(b'{"ok": true, "revision": 42, "result": {}}')
    assert Listening(web).got.status == 200


def test_a_client_that_has_gone_leaves_no_stream(web: Web) -> None:
    stream = Listening(web)
    stream.connection.leave()
    assert not web.streams.all


@pytest.mark.parametrize(
    ("hosts", "tokens", "most", "status"),
    [
        (1000, 1, MOST_OF_TOKEN, 429),
        (1, 1000, MOST_OF_ADDRESS, 429),
        (1000, 1000, MOST, 503),
    ],
    ids=["a token", "an address", "all"],
)
def test_streams_are_limited(web: Web, hosts: int, tokens: int, most: int, status: int) -> None:
    for number in range(most):
        web.streams._by_address[f"192.0.2.{number % hosts}"] += 1
        web.streams._by_token[f"token {number % tokens}" if tokens > 1 else web.token.id] += 1
        web.streams.all[_Nobody()] = None  # type: ignore[index]
    host = "192.0.2.0" if hosts == 1 else "198.51.100.1"
    assert web.ask("/api/v1/events", host=host).status == status


class _Nobody:
    """Something that takes the place of a stream."""


def test_a_lane_with_nonsense_is_closed(web: Web) -> None:
    web.event_lane.dataReceived(b"nonsense\n")
    assert web.event_lane.transport.aborted
