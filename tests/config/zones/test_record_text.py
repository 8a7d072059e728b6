"""One line of zone-file text becomes one record, byte for byte the same as with dnspython."""

from __future__ import annotations

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.config.zones.record_text import parse_record
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

ORIGIN = DomainName.from_text("failover.test")

MANY_TYPES = [
    "www 300 IN A 192.0.2.10",
    "www AAAA 2001:db8::10",
    "@ 3600 IN MX 10 mail.example.net.",
    "@ MX 0 mail",
    '@ TXT "v=spf1 mx -all" "second; string" plain',
    '@ TXT "\\"quoted\\" \\\\ \\195\\169 é"',
    "alias CNAME www",
    "child NS ns.child",
    "child DS 12345 13 2 3490A6806D47F17A34C29E2CE80E8A999FFBE4BE3A5B3F0E3E3E8B3C9A2C9B7D",
    "_sip._tcp 60 SRV 0 5 5060 sip.example.net.",
    '@ CAA 0 issue "letsencrypt.org; accounturi=https://ca.test/1"',
    "@ HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1",
    "@ HTTPS 0 www",
    '_dns SVCB 1 ns1 alpn=dot key65333="x"',
    "_443._tcp TLSA 3 1 1 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971",
    "host SSHFP 4 2 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971",
    '@ NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@failover.test!" .',
    "@ LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
    '_ftp._tcp URI 10 1 "ftp://ftp.failover.test/public"',
    "4.3.2.1 PTR host",
    "@ RP admin.people.test. info",
    'host HINFO "PC" "Linux"',
    "@ DNSKEY 257 3 13 "
    "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxIL"
    "fDLUT0rAK9iUzy1L53eKGQ==",
    "x TYPE65280 \\# 4 0a000001",
    "x TYPE65280 \\# 0",
    "x TYPE15 \\# 4 000a 0161 00".replace("4", "5", 1),
    "*.apps A 192.0.2.20",
    "odd\\.name TXT x",
]


def with_dnspython(text: str) -> tuple[str, int, int, bytes]:
    """Read one record with dnspython's own zone reader: owner, type, TTL, data."""
    zone = dns.zone.from_text(
        "$TTL 77\n" + text + "\n", "failover.test.", relativize=False, check_origin=False
    )
    [(owner, ttl, rdata)] = list(zone.iterate_rdatas())
    data = rdata.to_wire()
    assert data is not None
    return owner.to_text(omit_final_dot=True), int(rdata.rdtype), ttl, data


@pytest.mark.parametrize("text", MANY_TYPES, ids=lambda text: text[:24])
def test_a_record_is_the_same_as_with_dnspython(text: str) -> None:
    record = parse_record(text, ORIGIN, 77)
    found = (record.owner.to_text(), record.rtype, record.ttl, record.data)
    assert found == with_dnspython(text)


@pytest.mark.parametrize(
    "text",
    [
        "www A 192.0.2.10",
        "www IN A 192.0.2.10",
        "www 60 A 192.0.2.10",
        "www 60 IN A 192.0.2.10",
        "www in 1m a 192.0.2.10",
        "WWW.Failover.Test. CLASS1 A 192.0.2.10",
        "www\tA ( 192.0.2.10 ) ; a comment",
        "www A (\n  192.0.2.10\n)\n",
        "www TYPE1 \\# 4 c000020a\n\n; the end\n",
    ],
)
def test_the_order_of_ttl_and_class_the_case_and_the_layout_are_free(text: str) -> None:
    record = parse_record(text, ORIGIN, 60)
    assert (record.owner.to_text(), record.ttl, record.type_text) == ("www.failover.test", 60, "A")
    assert record.data == bytes([192, 0, 2, 10])


def test_records_are_compared_case_insensitively() -> None:
    upper = parse_record("@ MX 10 MAIL.Example.net.", ORIGIN, 60)
    lower = parse_record("@ MX 10 mail.example.net.", ORIGIN, 60)
    assert upper.canonical == lower.canonical
    assert upper.data != lower.data


@pytest.mark.parametrize("ttl", [0, 2147483647])
def test_a_ttl_has_31_bits(ttl: int) -> None:
    assert parse_record(f"a {ttl} A 192.0.2.1", ORIGIN, 60).ttl == ttl


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no record in this entry; write OWNER [TTL] [IN] TYPE DATA"),
        ("; nothing", "there is no record in this entry; write OWNER [TTL] [IN] TYPE DATA"),
        (" A 192.0.2.1", "a record begins with its owner name; write @ for the zone's own name"),
        ('"a" A 192.0.2.1', "a record begins with its owner name; write @ for the zone's own name"),
        ("$ORIGIN a.test.", '"$ORIGIN" is a directive; write one record an entry'),
        ("a..b A 192.0.2.1", 'the owner "a..b" is not a DNS name: it has an empty label'),
        ("a", "the type is missing; write OWNER [TTL] [IN] TYPE DATA"),
        ("a 60 IN", "the type is missing; write OWNER [TTL] [IN] TYPE DATA"),
        (
            "a IN CH A 192.0.2.1",
            '"CH" is not a record type; write a name such as MX, or TYPE and a number',
        ),
        (
            "a 60 70 A 192.0.2.1",
            '"70" is not a record type; write a name such as MX, or TYPE and a number',
        ),
        ("a CH A 192.0.2.1", "the class CH is not supported; only IN is"),
        ("a CLASS3 TXT x", "the class CLASS3 is not supported; only IN is"),
        (
            "a 2147483648 A 192.0.2.1",
            '"2147483648" is not a TTL; write seconds from 0 to 2147483647',
        ),
        ("A 192.0.2.1", '"192.0.2.1" is not a TTL; write seconds from 0 to 2147483647'),
        (
            "a AA 192.0.2.1",
            '"AA" is not a record type; write a name such as MX, or TYPE and a number',
        ),
        (
            "a TYPE65536 \\# 0",
            '"TYPE65536" is not a record type; write a name such as MX, or TYPE and a number',
        ),
        (
            "a A 192.0.2",
            "the data of the A record is wrong: it is not an address; "
            'write it as in "www A 192.0.2.10"',
        ),
        (
            "a A 192.0.2.1 192.0.2.2",
            'the data of the A record is wrong: "192.0.2.2" follows it; one record has no more '
            'data; write it as in "www A 192.0.2.10"',
        ),
        (
            "a MX mail",
            "the data of the MX record is wrong: expecting an integer; "
            'write it as in "@ MX 10 mail.example.net."',
        ),
        (
            "a MX 10 bücher.test.",
            "the data of the MX record is wrong: bücher has letters outside ASCII; write it in "
            'A-label form (xn--...); write it as in "@ MX 10 mail.example.net."',
        ),
        (
            "a TYPE65280 x",
            "the data of the TYPE65280 record is wrong: this type has no text form here; "
            "write \\# LENGTH HEX (RFC 3597 section 5)",
        ),
        (
            "a TXT (x",
            "this parenthesis is not closed; close it at the end of its record",
        ),
        ("a A 192.0.2.1\nb A 192.0.2.2", "something follows the record; write one record an entry"),
        ("a A 192.0.2.1\n$TTL 60", "something follows the record; write one record an entry"),
        (
            "a.example.net. A 192.0.2.1",
            "the owner a.example.net is outside the zone failover.test; "
            "a name inside it is written without the trailing dot",
        ),
        ("notfailover.test. A 192.0.2.1", "the owner notfailover.test is outside the zone"),
        (
            "a SOA a. b. 1 2 3 4 5",
            "an SOA record is at the zone's own name only, failover.test; leave it out",
        ),
        (
            "failover.test SOA a. b. 1 2 3 4 5",
            "an SOA record is at the zone's own name only, failover.test; "
            "this one is at failover.test.failover.test, as its name has no dot at the end",
        ),
        ("a TXT", "the data of the TXT record is wrong: something is missing; write it as in"),
        (
            'a TXT "\\300"',
            "the data of the TXT record is wrong: it is malformed, or has an escape that is not "
            "\\000 to \\255",
        ),
        (
            "a [Aging:372] A 192.0.2.1",
            '"[Aging:372]" is the age that Microsoft\'s DNS server writes',
        ),
        (
            "failover.test. CNAME a",
            "a CNAME is not allowed at the zone's own name, which has SOA and NS records; write "
            "its hostname as `alias` of the zone, or make a group there (`failoverdns group add "
            "--label @`)",
        ),
        ("a DNAME b", "DNAME is not supported"),
        ("a RRSIG x", "RRSIG, NSEC and NSEC3 records are made by signing; leave them out"),
        ("a NSEC x", "RRSIG, NSEC and NSEC3 records are made by signing; leave them out"),
        ("a TYPE50 \\# 0", "RRSIG, NSEC and NSEC3 records are made by signing; leave them out"),
        ("a ANY x", "ANY is for messages only; it is not allowed in a zone"),
        ("a OPT x", "OPT is for messages only; it is not allowed in a zone"),
        ("a TYPE0 \\# 0", "TYPE0 is for messages only; it is not allowed in a zone"),
        ("a TYPE128 \\# 0", "TYPE128 is for messages only; it is not allowed in a zone"),
        ("a AXFR x", "AXFR is for messages only; it is not allowed in a zone"),
        ("_status TXT x", "names that begin with _status are reserved"),
        ("_STATUS.shop TXT x", "names that begin with _status are reserved"),
    ],
)
def test_an_invalid_record_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_record(text, ORIGIN, 60)
    assert str(refusal.value).startswith(message)


def test_a_status_label_further_up_is_an_ordinary_label() -> None:
    assert parse_record("www._status TXT x", ORIGIN, 60).owner.to_text() == (
        "www._status.failover.test"
    )


def test_data_over_64_kib_is_refused() -> None:
    strings = " ".join(["x" * 255] * 256)
    with pytest.raises(Malformed, match="the data of the TXT record is over 65535 bytes long"):
        parse_record(f"a TXT {strings}", ORIGIN, 60)


words = st.sampled_from(
    [
        *("@", "a", "*", "60", "IN", "MX", "TXT", "A", "HTTPS", "LOC", "TYPE65280", "\\#", "4"),
        *("0a01", "(", ")", '"', ";", "\n", " ", "\\", "192.0.2.1", "::", "alpn=h2", ".", "é"),
        *("\0", "$TTL"),
    ]
)


@given(st.lists(words, max_size=8).map(" ".join) | st.text())
def test_any_text_is_one_record_or_refused(text: str) -> None:
    try:
        record = parse_record(text, ORIGIN, 60)
    except Malformed:
        return
    read = dns.rdata.from_wire(
        dns.rdataclass.IN,
        dns.rdatatype.RdataType.make(record.rtype),
        record.data,
        0,
        len(record.data),
    )
    assert read.to_wire() == record.data
