"""Records as text for people are those of a zone file, or the generic form."""

from __future__ import annotations

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import name

from failoverdns.model.record_text import MNEMONICS, rdata_text, record_text, type_name
from failoverdns.model.records import Opaque


@pytest.mark.parametrize(
    ("rtype", "data", "text"),
    [
        (1, b"\xc0\0\2\1", "192.0.2.1"),
        (28, bytes(15) + b"\1", "::1"),
        (5, name("lb.example").wire, "lb.example."),
        (15, b"\0\x0a" + name("mail.example").wire, "10 mail.example."),
        (16, b'\3a"b\2\\\7', r'"a\"b" "\\\007"'),
        (33, b"\0\1\0\2\x01\xbb" + name("host.example").wire, "1 2 443 host.example."),
        (257, b"\0\5issuele.example", '0 issue "le.example"'),
        (1, b"\1", r"\# 1 01"),
        (5, b"\3ab", r"\# 3 036162"),
        (16, b"\5ab", r"\# 3 056162"),
        (65280, b"", r"\# 0"),
        (257, b"\0\xff", r"\# 2 00ff"),
    ],
)
def test_data_is_written_as_in_a_zone_file(rtype: int, data: bytes, text: str) -> None:
    assert rdata_text(rtype, Opaque(data)) == text


def test_a_record_is_its_type_and_its_data_which_may_be_cut() -> None:
    assert record_text(1, Opaque(b"\xc0\0\2\1")) == "A 192.0.2.1"
    one, other = (record_text(65280, Opaque(bytes(1000) + end)) for end in (b"a", b"b"))
    assert one.startswith("TYPE65280 \\# 1001 0000")
    assert "... (1001 bytes, " in one
    assert one != other
    assert len(one) < 500


def test_the_names_of_types_are_those_that_dnspython_has() -> None:
    assert {number: dns.rdatatype.to_text(number) for number in MNEMONICS} == MNEMONICS  # type: ignore[arg-type]
    assert type_name(65280) == "TYPE65280"


@settings(max_examples=60)
@given(st.sampled_from([1, 5, 15, 16, 28, 33, 257, 65280]), st.binary(max_size=40))
def test_whatever_the_data_is_dnspython_reads_the_text_back(rtype: int, data: bytes) -> None:
    data = data.lower()  # as stored records have it
    text = rdata_text(rtype, Opaque(data))
    if text.startswith("\\#"):
        assert text == f"\\# {len(data)} {data.hex()}".rstrip()
        return
    kind = dns.rdatatype.RdataType.make(rtype)
    assert dns.rdata.from_text(dns.rdataclass.IN, kind, text).to_wire() == data
