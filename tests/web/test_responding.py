"""Responses to clients that read slowly, or not at all."""

from __future__ import annotations

import json

import pytest
from web_in_memory import Connection, Web

from failoverdns.web.responding import READ_TIME

PIECE = 1 << 16


@pytest.fixture
def web() -> Web:
    made = Web()
    made.answers["status"] = lambda request: None
    return made


def asking(web: Web) -> Connection:
    """Return a client that has asked for a long reply, whose first part has arrived."""
    connection = web.connect()
    connection.send(web.request("/api/v1/status"))
    (lane,) = web.busy_lanes()
    begin = json.dumps({"ok": True, "revision": 42, "result": {"text": "a" * PIECE}})
    web.reply(lane, begin[:-2].encode())
    return connection


def end(web: Web) -> None:
    (lane,) = web.busy_lanes()
    web.reply(lane, b"}}\n")
    web.clock.advance(1000)
    web.go()


def test_the_parts_of_a_reply_are_sent_as_they_arrive(web: Web) -> None:
    connection = asking(web)
    assert len(connection.wire.value()) > PIECE
    assert web.held.total == 0
    end(web)
    (got,) = connection.got()
    assert got.json["result"]["text"] == "a" * PIECE


def test_what_a_client_does_not_read_is_held_and_sent_when_it_reads(web: Web) -> None:
    connection = asking(web)
    connection.wire.fill()
    (lane,) = web.busy_lanes()
    web.reply(lane, b" " * 1000)
    assert web.held.total == 1000
    connection.wire.drain()
    assert web.held.total == 0
    web.reply(lane, b"}}\n")
    (got,) = connection.got()
    assert got.status == 200


def test_a_client_that_reads_nothing_is_disconnected(web: Web) -> None:
    connection = asking(web)
    connection.wire.fill()
    (lane,) = web.busy_lanes()
    web.reply(lane, b"}}\n")
    web.clock.pump([2] * (int(READ_TIME / 2) + 2))
    assert connection.wire.aborted
    connection.leave()
    assert web.held.total == 0
    assert not web.responses.all


def test_a_client_that_goes_holds_nothing(web: Web) -> None:
    connection = asking(web)
    connection.wire.fill()
    (lane,) = web.busy_lanes()
    web.reply(lane, b" " * 1000)
    connection.leave()
    assert web.held.total == 0
    web.reply(lane, b"}}\n")
    assert web.lanes.is_idle


def test_a_reply_that_breaks_off_is_not_ended_as_if_it_were_whole(web: Web) -> None:
    connection = asking(web)
    (lane,) = web.busy_lanes()
    web.break_lane(lane)
    assert connection.wire.aborted
    assert not connection.wire.value().endswith(b"0\r\n\r\n")


def test_clients_that_asked_together_read_at_their_own_speed(web: Web) -> None:
    first = asking(web)
    others = [web.connect() for _ in range(2)]
    for other in others:
        other.send(web.request("/api/v1/status"))
    end(web)
    assert first.got()[0].status == 200
    text = json.dumps({"ok": True, "revision": 42, "result": {"text": "b" * PIECE}}).encode()
    (lane,) = web.busy_lanes()
    web.reply(lane, text[:40_000])
    others[0].wire.fill()
    web.reply(lane, text[40_000:] + b"\n")
    assert others[1].got()[0].body == text + b"\n"
    assert web.held.total > 0
    others[0].wire.drain()
    assert others[0].got()[0].body == text + b"\n"
    assert web.held.total == 0
