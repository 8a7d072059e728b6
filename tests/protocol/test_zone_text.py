"""The output of the `records` command is read back by dnspython to the same records."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import dns.name
import dns.zonefile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import authority, name

from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, MARKER, NS, TXT, A, Opaque, Rdata, RRset, Text
from failoverdns.protocol.records import compile_records
from failoverdns.protocol.zone_text import record_lines


def read_back(text: str, origin: str = ".") -> list[tuple[bytes, int, int, bytes]]:
    """Return owner, type, TTL and data of each record, as dnspython reads zone-file text."""
    rrsets = dns.zonefile.read_rrsets(text, origin=origin, rdclass=None, relativize=False)
    return [
        (rrset.name.to_wire() or b"", int(rrset.rdtype), rrset.ttl, rdata.to_wire() or b"")
        for rrset in rrsets
        for rdata in rrset
    ]


def as_bytes(owner: DomainName, records: RRset) -> list[tuple[bytes, int, int, bytes]]:
    """Return owner, type, TTL and data of each record of an RRset."""
    compiled = compile_records(records)
    return [(owner.wire, records.rtype, records.ttl, r[10:]) for r in compiled.records()]


CASES = [
    ("addresses", RRset(A, 60, (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"))), 2),
    ("IPv6 addresses", RRset(AAAA, 0, (IPv6Address("2001:db8::1"),)), 1),
    ("a CNAME", RRset(CNAME, 60, (name("lb.example.net"),)), 1),
    ("a CNAME of odd bytes", RRset(CNAME, 60, (DomainName(b"\5\0\xff. @\0"),)), 1),
    ("name servers", RRset(NS, 3600, (name("ns1.a.test"), name("ns2.a.test"))), 2),
    ("a text", RRset(TXT, 60, (Text((b"online",)),)), 1),
    ("an MX", RRset(15, 60, (Opaque(b"\0\x0a\4mail\0"),)), 1),
    ("an unknown type", RRset(65280, 60, (Opaque(b"\0\1"), Opaque(b""))), 2),
    ("an HTTPS record", RRset(65, 60, (Opaque(b"\0\1\0\0\1\0\3\2h2"),)), 1),
]


@pytest.mark.parametrize(
    ("records", "count"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
@pytest.mark.parametrize("owner", ["failover.test", "*.failover.test", "a\\.b\\032\\255.test", "."])
def test_records_are_written_a_line_each_and_read_back_the_same(
    records: RRset, count: int, owner: str
) -> None:
    """Owner, TTL, type and data are preserved."""
    text = record_lines(name(owner), records)
    assert (text.count("\n"), text[-1]) == (count, "\n")
    assert sorted(read_back(text)) == sorted(as_bytes(name(owner), records))


labels = st.lists(st.binary(min_size=1, max_size=20), max_size=5)
texts = st.lists(st.binary(max_size=255), min_size=1, max_size=4).map(lambda s: Text(tuple(s)))


@given(labels, texts | st.binary(max_size=99).map(Opaque), st.integers(0, 2**31 - 1))
def test_any_name_and_any_bytes_are_read_back_the_same(
    owner: list[bytes], rdata: Rdata, ttl: int
) -> None:
    """No byte of a label or a text breaks a line or is lost."""
    rtype = TXT if isinstance(rdata, Text) else 65280
    records = RRset(rtype, ttl, (rdata,))
    text = record_lines(DomainName.from_labels(owner), records)
    assert text.count("\n") == 1
    assert text.isascii()
    assert read_back(text) == as_bytes(DomainName.from_labels(owner), records)


def test_lines_look_like_those_of_a_zone_file() -> None:
    """Names are absolute, and the class is written."""
    soa = authority("failover.test")
    assert record_lines(soa.owner, soa.records) == (
        "failover.test. 60 IN SOA ns1.failover.test. hostmaster.failover.test. "
        "1 3600 600 1209600 60\n"
    )
    largest = authority("failover.test", 2**32 - 1)
    [back] = read_back(record_lines(largest.owner, largest.records), "failover.test.")
    assert [back] == as_bytes(largest.owner, largest.records)
    alias = RRset(CNAME, 60, (name("lb.example.net"),))
    assert record_lines(name("a.test"), alias) == "a.test. 60 IN CNAME lb.example.net.\n"
    status = RRset(TXT, 60, (Text((b"online",)),))
    assert record_lines(name("_status.a.test"), status) == '_status.a.test. 60 IN TXT "online"\n'


@pytest.mark.parametrize("data", [b"\x01\2\3\4", b"", b"\1" * 16])
def test_data_that_its_type_should_not_have_is_written_in_the_generic_form(data: bytes) -> None:
    """Somebody has written it so; `records` must not fail because of it."""
    text = record_lines(name("a.test"), RRset(29, 60, (Opaque(data),)))
    assert text == f"a.test. 60 IN LOC \\# {len(data)} {data.hex()}".rstrip() + "\n"


def test_a_marker_is_unknown_data_of_no_bytes() -> None:
    """RFC 3597 section 5; BIND, NSD and Knot read it."""
    owner = DomainName.from_text("shop.failover.test")
    text = record_lines(owner, RRset(MARKER, 60, (Opaque(b""),)))
    assert text == "shop.failover.test. 60 IN TYPE65350 \\# 0\n"
