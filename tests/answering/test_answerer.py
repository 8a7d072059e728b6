"""Defects of our own, as DNS clients meet them; no system test reaches these."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest
from twisted.internet.testing import MemoryReactorClock

from failoverdns.answering.answerer import Answerer


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


@pytest.mark.parametrize("packet", [b"", b"x" * 11, b"\0\0\x80" + bytes(20)])
def test_a_defect_sends_no_reply_to_a_packet_that_is_not_a_query(packet: bytes) -> None:
    """The packet is a response, or shorter than a header."""
    from failoverdns.answering.responding import server_failure

    assert server_failure(packet) is None
