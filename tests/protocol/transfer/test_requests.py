"""Requests for zone transfers are read as RFC 5936 and RFC 1995 have them, and strictly."""

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.protocol.query import Edns
from failoverdns.protocol.transfer.requests import (
    TransferKind,
    TransferRequest,
    read_transfer_request,
)

SOA_DATA = b"\2ns\xc0\x0c\3ops\xc0\x0c" + bytes((0, 0, 1, 44)) + bytes(16)
ORIGIN = b"\x08failover\4test\0"


def ixfr(
    owner: bytes = b"\xc0\x0c",
    rtype: int = 6,
    rclass: int = 1,
    data: bytes = SOA_DATA,
    counts: bytes = b"\0\0\0\1\0\0",
) -> bytes:
    """Return a request for IXFR with one record after the question."""
    record = owner + bytes((0, rtype, 0, rclass, 0, 0, 0, 0)) + len(data).to_bytes(2, "big") + data
    return b"\0\7\0\0\0\1" + counts + ORIGIN + b"\0\xfb\0\1" + record


def test_a_request_for_the_whole_zone_is_read() -> None:
    query = dns.message.make_query("FailOver.test", "AXFR", id=7)
    assert read_transfer_request(query.to_wire()) == TransferRequest(
        id=7,
        recursion_desired=True,
        question=b"\x08FailOver\4test\0\0\xfc\0\1",
        origin=ORIGIN,
        kind=TransferKind.AXFR,
        serial=None,
        edns=None,
    )


def test_a_request_for_what_changed_is_read() -> None:
    query = dns.message.make_query("failover.test", "IXFR", use_edns=0, payload=1400)
    query.authority.append(
        dns.rrset.from_text("failover.test.", 0, "IN", "SOA", "ns. ops. 4294967295 1 2 3 4")
    )
    request = read_transfer_request(query.to_wire())
    assert (request.kind, request.serial) == (TransferKind.IXFR, 2**32 - 1)
    assert request.edns == Edns(1400, 0, False)


def test_the_soa_record_of_a_client_may_be_compressed() -> None:
    assert read_transfer_request(ixfr()).serial == 300


def test_a_transfer_of_the_root_zone_is_read() -> None:
    request = read_transfer_request(dns.message.make_query(".", "AXFR").to_wire())
    assert request.origin == b"\0"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "shorter than a header"),
        (ixfr()[:2] + b"\x80" + ixfr()[3:], "a response"),
        (
            b"\0\7\0\0" + bytes(7) + b"\1\0\0\x29" + bytes(6) + b"\0\x0c\0\x0a\0\x08client c",
            "no ques",
        ),
        (b"\0\7\x28\0\0\1" + bytes(6) + ORIGIN + b"\0\6\0\1", "not a query"),
        (
            dns.message.make_query("failover.test", "SOA", id=7).to_wire(),
            "not a request for a zone",
        ),
        (dns.message.make_query("failover.test", "AXFR", "CH", id=7).to_wire(), "another class"),
        (dns.message.make_query("failover.test", "IXFR", id=7).to_wire(), "exactly one SOA"),
        (ixfr(counts=b"\0\1\0\0\0\0"), "exactly one SOA"),
        (ixfr(rtype=1), "does not have the SOA"),
        (ixfr(rclass=3), "does not have the SOA"),
        (ixfr(owner=b"\4test\0"), "does not have the SOA"),
        (ixfr(data=SOA_DATA[:-1]), "another length"),
        (ixfr(data=SOA_DATA + b"x"), "another length"),
        (ixfr(data=b""), "name that is cut short"),
        (ixfr()[:-1], "cut short"),
        (ixfr() + b"x", "bytes after"),
        (ixfr(owner=b"\xc0\xff"), "pointer"),
    ],
)
def test_another_request_is_malformed(message: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read_transfer_request(message)


@settings(max_examples=60)
@given(st.binary(max_size=80), st.booleans())
def test_arbitrary_bytes_are_malformed_at_most(data: bytes, is_after_question: bool) -> None:
    message = ixfr()[: 12 + len(ORIGIN) + 4] + data if is_after_question else data
    try:
        read_transfer_request(message)
    except Malformed:
        return
    assert is_after_question
