"""Streams of server-sent events together: who gets one, how many there may be, how they end."""

from __future__ import annotations

import pytest
from streaming import Listening, web_with_history
from web_in_memory import Web

from failoverdns.web.events import KEPT_ALIVE, MOST, MOST_OF_ADDRESS, MOST_OF_TOKEN


@pytest.fixture
def web() -> Web:
    return web_with_history()


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
    web.streams.begin(42)
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
