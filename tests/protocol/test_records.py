"""Records are compiled to the same bytes that dnspython writes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import name

from failoverdns.model.names import DomainName
from failoverdns.model.records import (
    AAAA,
    CNAME,
    NS,
    SOA,
    TXT,
    A,
    Opaque,
    Rdata,
    RRset,
    StartOfAuthority,
    Text,
)
from failoverdns.protocol.records import compile_records

SOA_DATA = StartOfAuthority(
    name("ns1.failover.test"), name("hostmaster.failover.test"), 2**32 - 1, 3600, 600, 1209600, 60
)
CASES: list[tuple[str, int, Rdata, str]] = [
    ("an IPv4 address", A, IPv4Address("192.0.2.10"), "192.0.2.10"),
    ("an IPv6 address", AAAA, IPv6Address("2001:db8::10"), "2001:db8::10"),
    ("an IPv4-mapped address", AAAA, IPv6Address("::ffff:192.0.2.1"), "::ffff:192.0.2.1"),
    ("a CNAME", CNAME, name("lb.example.net"), "lb.example.net."),
    ("a CNAME to the root", CNAME, name("."), "."),
    ("a name server", NS, name("ns1.failover.test"), "ns1.failover.test."),
    ("a text", TXT, Text((b"online",)), '"online"'),
    ("an empty text", TXT, Text((b"",)), '""'),
    ("a text of several strings", TXT, Text((b"a", b"", b"b c")), '"a" "" "b c"'),
    ("a text of 255 bytes", TXT, Text((b"x" * 255,)), '"' + "x" * 255 + '"'),
    (
        "the start of authority",
        SOA,
        SOA_DATA,
        "ns1.failover.test. hostmaster.failover.test. 4294967295 3600 600 1209600 60",
    ),
    ("a type unknown to us", 65280, Opaque(b"\x0a\0\0\1"), "\\# 4 0a000001"),
    ("a type without data", 65280, Opaque(b""), "\\# 0"),
    ("a type known to others", 15, Opaque(b"\0\x0a\4mail\0"), "10 mail."),
]


@pytest.mark.parametrize(
    ("rtype", "rdata", "text"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
@pytest.mark.parametrize("ttl", [0, 60, 86400, 2**31 - 1])
def test_one_record_is_written_as_dnspython_writes_it(
    rtype: int, rdata: Rdata, text: str, ttl: int
) -> None:
    """The bytes are a pointer to the question, TYPE, CLASS, TTL, RDLENGTH and the data."""
    kind = dns.rdatatype.RdataType.make(rtype)
    data = dns.rdata.from_text(dns.rdataclass.IN, kind, text).to_wire()
    assert data is not None
    head = b"\xc0\x0c" + rtype.to_bytes(2, "big") + b"\0\1" + ttl.to_bytes(4, "big")
    compiled = compile_records(RRset(rtype, ttl, (rdata,)))
    assert compiled.tail == head + len(data).to_bytes(2, "big") + data
    assert list(compiled.records()) == [compiled.tail[2:]]
    assert compiled.rtype == rtype


@given(st.lists(st.binary(max_size=255), min_size=1, max_size=8))
def test_a_txt_record_can_contain_any_bytes(strings: list[bytes]) -> None:
    """TXT strings need not be UTF-8, and may contain NUL, quotes and newlines."""
    rdata = dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
    compiled = compile_records(RRset(TXT, 60, (Text(tuple(strings)),)))
    assert compiled.tail[12:] == rdata.to_wire()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
def test_an_rrset_keeps_its_records_in_order(datas: list[bytes]) -> None:
    """Each record can be read back, and the counts match their number."""
    compiled = compile_records(RRset(65280, 60, tuple(Opaque(data) for data in datas)))
    assert [record[10:] for record in compiled.records()] == datas
    count = len(datas).to_bytes(2, "big")
    assert compiled.counts == (b"\0\1" + count + b"\0\0\0\0", b"\0\1" + count + b"\0\0\0\1")


def test_records_can_have_another_class_than_in() -> None:
    """Records of class CH are written with their class."""
    assert compile_records(RRset(TXT, 0, (Text((b"x",)),)), 3).tail[4:6] == b"\0\3"


def test_names_in_rdata_are_in_lower_case_and_uncompressed() -> None:
    """Targets are not compressed, so that the same bytes fit into any message."""
    target = DomainName.from_text("LB.Example.NET")
    assert compile_records(RRset(CNAME, 60, (target,))).tail[12:] == b"\2lb\7example\3net\0"
