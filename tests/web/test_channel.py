"""HTTP/1.1 as clients and attackers send it: what is read, and what is refused."""

from __future__ import annotations

import pytest
from http_bytes import SWITCH, chunked, get, post
from web_in_memory import Web, read_responses

from failoverdns.web.channel import (
    BODY_TIME,
    CLOSING_TIME,
    FIRST_TIME,
    HEAD_TIME,
    IDLE_TIME,
    LINGER,
    MAX_FIELDS,
    MAX_REQUESTS,
)


@pytest.fixture(scope="module")
def web() -> Web:
    """A web process that the tests of this module share."""
    return Web()


READ_IN_TWO_WAYS = {
    "length and chunks": ([b"Content-Length: 17", b"Transfer-Encoding: chunked"], chunked(SWITCH)),
    "chunks and length": ([b"Transfer-Encoding: chunked", b"Content-Length: 17"], chunked(SWITCH)),
    "two lengths": ([b"Content-Length: 17", b"Content-Length: 17"], SWITCH),
    "a list of lengths": ([b"Content-Length: 17, 17"], SWITCH),
    "a length with a sign": ([b"Content-Length: +17"], SWITCH),
    "another coding": ([b"Transfer-Encoding: gzip"], SWITCH),
    "another coding, too": ([b"Transfer-Encoding: gzip, chunked"], chunked(SWITCH)),
    "an unknown coding and a length": ([b"Transfer-Encoding: x", b"Content-Length: 17"], SWITCH),
    "no coding": ([b"Transfer-Encoding: identity", b"Content-Length: 17"], SWITCH),
    "chunked twice": ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], b""),
    "chunked, and another coding": (
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
        chunked(SWITCH),
    ),
    "a folded line": ([b"Transfer-Encoding:", b" chunked"], chunked(SWITCH)),
    "a blank before the colon": ([b"Transfer-Encoding : chunked"], chunked(SWITCH)),
    "a NUL": ([b"X: a\0b", b"Content-Length: 17"], SWITCH),
    "a bare CR": ([b"X: a\rContent-Length: 0", b"Content-Length: 17"], SWITCH),
    "no name": ([b": x", b"Content-Length: 17"], SWITCH),
    "no colon": ([b"nonsense", b"Content-Length: 17"], SWITCH),
    "a bad chunk": ([b"Transfer-Encoding: chunked"], b"zz\r\n" + SWITCH),
}


@pytest.mark.parametrize("case", READ_IN_TWO_WAYS)
def test_what_could_be_read_in_two_ways_is_refused_and_not_carried_out(web: Web, case: str) -> None:
    lines, body = READ_IN_TWO_WAYS[case]
    connection, asked = web.connect(), len(web.asked)
    connection.send(post(web, *lines, body=body) + get(b"/healthz"))
    (got,) = connection.got()
    assert (got.status, got.code, got.fields["connection"]) == (400, "malformed", "close")
    assert len(web.asked) == asked
    web.clock.advance(LINGER)
    assert connection.wire.disconnecting


def test_chunks_of_http_1_0_are_refused(web: Web) -> None:
    connection = web.connect()
    request = post(web, b"Transfer-Encoding: chunked", body=chunked(SWITCH))
    connection.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert connection.got()[0].status == 400


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"G@T / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /\xe9 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_http_1_1_is_refused(web: Web, data: bytes) -> None:
    connection = web.connect()
    connection.send(data)
    assert [got.status for got in connection.got()] == [400]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (get(b"/" + b"a" * 8500), 414),
        (get(b"/" + b"a" * 20_000), 414),
        (get(b"/", b"X: " + b"a" * 9_500), 431),
        (get(b"/", *[b"X: " + b"a" * 900] * 20), 431),
        (get(b"/", *[b"X: a"] * MAX_FIELDS), 431),
        (get(b"/", b"Expect: tea"), 417),
    ],
)
def test_what_is_too_much_is_refused(web: Web, data: bytes, status: int) -> None:
    connection = web.connect()
    connection.send(data)
    assert [got.status for got in connection.got()] == [status]


def test_a_refusal_is_a_problem_with_the_fields_of_every_response(web: Web) -> None:
    connection = web.connect()
    connection.send(b"nonsense\r\n")
    (got,) = connection.got()
    assert got.fields["content-type"] == "application/problem+json"
    assert got.fields["x-content-type-options"] == "nosniff"
    assert got.fields["cache-control"] == "no-store"
    assert got.json["status"] == 400
    assert "date" in got.fields


def test_requests_may_follow_each_other_at_once(web: Web) -> None:
    connection = web.connect()
    body = post(web, b"Content-Length: 17", body=SWITCH)
    connection.send(get(b"/healthz") + body + get(b"/nothing") + get(b"/healthz"))
    assert [got.status for got in connection.got()] == [200, 200, 404, 200]


@pytest.mark.parametrize(
    ("data", "closes"),
    [
        (get(b"/healthz"), False),
        (get(b"/healthz", b"Connection: close"), True),
        (get(b"/healthz", b"Connection: foo, Close"), True),
        (b"GET /healthz HTTP/1.0\r\n\r\n", True),
        (b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_a_connection_stays_open_unless_the_client_wants_otherwise(
    web: Web, data: bytes, closes: bool
) -> None:
    connection = web.connect()
    connection.send(data)
    assert b" 200 OK" in connection.wire.take()
    assert connection.wire.disconnecting is closes


def test_a_connection_has_a_limited_number_of_requests(web: Web) -> None:
    connection = web.connect("198.51.100.77")
    for _ in range(MAX_REQUESTS):
        web.clock.advance(0.01)
        connection.send(get(b"/healthz"))
    assert read_responses(connection.wire.take())[-1].fields["connection"] == "close"
    assert connection.wire.disconnecting


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (b"", FIRST_TIME),
        (b"GET /heal", FIRST_TIME),
        (get(b"/healthz"), IDLE_TIME),
        (get(b"/healthz", b"Connection: close"), CLOSING_TIME),
    ],
    ids=["nothing", "half a line", "idle", "a response unread"],
)
def test_a_slow_client_is_disconnected(web: Web, data: bytes, seconds: float) -> None:
    connection = web.connect()
    connection.send(data)
    web.clock.advance(seconds - 0.1)
    assert not connection.wire.aborted
    web.clock.advance(0.2)
    assert connection.wire.aborted


@pytest.mark.parametrize(
    ("data", "more", "seconds"),
    [
        (b"GET /healthz HTTP/1.1\r\n", b"X: a\r\n", HEAD_TIME),
        (b"POST /api/v1/switch HTTP/1.1\r\nContent-Length: 500\r\n\r\n", b"a", BODY_TIME),
    ],
    ids=["head", "body"],
)
def test_a_request_that_comes_too_slowly_is_refused_and_the_client_disconnected(
    web: Web, data: bytes, more: bytes, seconds: float
) -> None:
    connection = web.connect()
    connection.send(data)
    for _ in range(int(seconds) - 1):
        connection.send(more)
        web.clock.advance(1)
    assert connection.got() == []
    web.clock.advance(1.1)
    assert [got.status for got in connection.got()] == [408]
    web.clock.advance(CLOSING_TIME)
    assert connection.wire.aborted
