"""Defects of our own, as DNS clients meet them; no system test reaches these."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from tables import zone
from twisted.internet.testing import MemoryReactorClock

from failoverdns.answering.answerer import Answerer
from failoverdns.answering.settings import UNCONFIGURED
from failoverdns.model.commands.server import QueryLogOn
from failoverdns.model.limits import RateLimits
from failoverdns.model.settings import QueryLogSettings
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.table import ServesBatches


@pytest.fixture
def broken() -> Answerer:
    """An answerer with a defect: its table is None.  It opens no socket."""
    answerer = Answerer(MemoryReactorClock())
    answerer._table = None  # type: ignore[assignment]
    return answerer


def test_a_defect_is_answered_with_servfail(broken: Answerer) -> None:
    """The resolver asks another server at once; nothing reaches the reactor."""
    query = dns.message.make_query("www.failover.test", "A")
    for udp in (True, False):
        reply = broken.answer(query.to_wire(), "192.0.2.1", udp=udp)
        assert reply is not None
        message = dns.message.from_wire(reply)
        assert (message.rcode(), message.id) == (dns.rcode.SERVFAIL, query.id)


def test_servfail_counts_as_an_error_for_the_rate_limit(broken: Answerer) -> None:
    """A defect that a packet triggers must not let a flood get around the limit."""
    broken.configure(replace(UNCONFIGURED, rate_limit=RateLimits(errors_per_second=5, slip=1)))
    packet = dns.message.make_query("www.failover.test", "A").to_wire()
    replies = [broken.answer(packet, "192.0.2.1", udp=True) for _ in range(50)]
    assert 5 <= sum(reply is not None for reply in replies) <= 10
    assert all(broken.answer(packet, "192.0.2.1", udp=False) for _ in range(50)), "not over TCP"


def test_c_answers_with_a_rate_limit_and_leaves_every_packet_to_python_for_the_query_log(
    tmp_path: Path,
) -> None:
    """The limit must not slow the server down that it protects."""
    answerer = Answerer(MemoryReactorClock())
    table = answerer._table
    if not isinstance(table, ServesBatches):
        pytest.skip("the extension was not built")
    answerer.take_delta(write_delta(zone("failover.test", "a A 192.0.2.1")))
    log = QueryLogSettings(tmp_path / "queries", 1000)
    settings = replace(UNCONFIGURED, rate_limit=RateLimits(responses_per_second=1), querylog=log)
    answerer.configure(settings)
    packet = dns.message.make_query("a.failover.test", "A").to_wire()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        for _ in range(4):
            client.send(packet)
        assert answerer._serve(table.serve, server.fileno()) == (0, [])
        limited = answerer.report()["rate_limit"]
        assert limited == {"truncated": 1, "dropped": 2, "accounts": 2}
        answerer.query_log.carry_out(QueryLogOn())
        assert answerer._serve(table.serve, server.fileno()) is None
    answerer.stop()


@pytest.mark.parametrize("packet", [b"", b"x" * 11, b"\0\0\x80" + bytes(20)])
def test_a_defect_sends_no_reply_to_a_packet_that_is_not_a_query(packet: bytes) -> None:
    """The packet is a response, or shorter than a header."""
    from failoverdns.answering.responding import server_failure

    assert server_failure(packet) is None
