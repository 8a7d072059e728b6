"""The bodies of requests: in which pieces they come, and which of them are read."""

from __future__ import annotations

import json

import pytest
from http_bytes import SWITCH, bearer, chunked, post
from web_in_memory import Web

from failoverdns.web.http_request import SMALL_BODY
from failoverdns.web.server import MOST_LARGE


@pytest.fixture(scope="module")
def web() -> Web:
    """A web process that the tests of this module share."""
    return Web()


def test_a_body_may_come_in_chunks_and_in_small_parts(web: Web) -> None:
    connection = web.connect()
    for byte in post(web, b"Transfer-Encoding: chunked", body=chunked(SWITCH)):
        connection.send(bytes([byte]))
    assert connection.got()[0].status == 200
    assert web.asked[-1][1] == {"command": "switch", **json.loads(SWITCH)}


def test_a_client_may_wait_before_it_sends_its_body(web: Web) -> None:
    connection = web.connect()
    connection.send(post(web, b"Expect: 100-continue", b"Content-Length: 17"))
    assert connection.wire.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(SWITCH)
    assert connection.got()[0].status == 200


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(web: Web) -> None:
    connection = web.connect()
    connection.send(post(web, b"Expect: 100-continue", b"Content-Length: 2000000"))
    assert [got.status for got in connection.got()] == [413]


def test_a_body_in_chunks_is_refused_when_it_is_too_large(web: Web) -> None:
    connection = web.connect()
    connection.send(post(web, b"Transfer-Encoding: chunked"))
    for _ in range(20):
        connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
    assert [got.status for got in connection.got()] == [413]


@pytest.mark.parametrize("line", [b"Content-Length: 30000", b"Transfer-Encoding: chunked"])
def test_a_large_body_without_a_token_is_not_read(web: Web, line: bytes) -> None:
    connection = web.connect()
    request = post(web, line).replace(bearer(web), b"")
    connection.send(request + b"7530\r\n" + b" " * (SMALL_BODY + 1))
    assert [got.status for got in connection.got()] == [401]


def test_few_large_bodies_are_read_at_a_time(web: Web) -> None:
    connections = [web.connect(f"203.0.113.{number}") for number in range(MOST_LARGE + 1)]
    for connection in connections:
        connection.send(post(web, b"Content-Length: 30000"))
    (got,) = connections[-1].got()
    assert (got.status, got.code) == (503, "busy")
    connections[0].leave()
    connections[1].send(SWITCH.ljust(30_000))
    assert connections[1].got()[0].status == 200
    for host in ("203.0.113.101", "203.0.113.102"):
        connection = web.connect(host)
        connection.send(post(web, b"Content-Length: 30000"))
        assert connection.got() == []
