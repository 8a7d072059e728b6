"""The composition root where no system test reaches: defects of our own."""

from __future__ import annotations

from pathlib import Path

import dns.message
import dns.rcode
import pytest
from twisted.internet.testing import MemoryReactorClock

from failoverdns.config import load_config
from failoverdns.service import Service

DEMO = Path(__file__).parents[1] / "config" / "demo.yaml"


@pytest.fixture
def broken() -> Service:
    """A service whose table is none; nothing of it is opened."""
    service = Service(load_config(DEMO), MemoryReactorClock())
    service._table = None  # type: ignore[assignment]
    return service


def test_a_defect_is_answered_with_servfail(broken: Service) -> None:
    """So that the resolver asks another server at once; nothing reaches the reactor."""
    query = dns.message.make_query("www.failover.test", "A")
    for udp in (True, False):
        reply = broken._answer(query.to_wire(), "192.0.2.1", udp=udp)
        assert reply is not None
        message = dns.message.from_wire(reply)
        assert (message.rcode(), message.id) == (dns.rcode.SERVFAIL, query.id)


@pytest.mark.parametrize("packet", [b"", b"x" * 11, b"\0\0\x80" + bytes(20)])
def test_not_even_a_defect_answers_what_is_no_query(packet: bytes) -> None:
    """A response, or less than a header."""
    from failoverdns.answering import server_failure

    assert server_failure(packet) is None
