"""Static records that exclude each other are refused, each with its position."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest

from failoverdns.config.errors import START, ConfigErrors, FaultReport, Place
from failoverdns.config.zones.zone_file import LIMITS, read_zone_files
from failoverdns.config.zones.zone_records import static_records
from failoverdns.model.names import DomainName
from failoverdns.model.records import Opaque, OwnedRRset
from failoverdns.model.zone import NameServer

ORIGIN = DomainName.from_text("failover.test")
NAMESERVERS = (
    NameServer(ORIGIN.child("ns1"), (ip_address("192.0.2.53"),)),
    NameServer(DomainName.from_text("ns.example.net")),
)


def read(*entries: str) -> tuple[tuple[OwnedRRset, ...], list[tuple[int, str]]]:
    """Return the RRsets of `entries`, and the errors by the number of the entry, from 1."""
    report = FaultReport("f")
    placed = [(Place(line, 9), entry) for line, entry in enumerate(entries, 1)]
    rrsets = static_records(placed, ORIGIN, 60, NAMESERVERS, report)
    try:
        report.raise_if_any()
    except ConfigErrors as error:
        return rrsets, [(e.line, e.message) for e in error.errors]
    return rrsets, []


def warnings(*entries: str) -> list[tuple[int, str]]:
    """Return the warnings of `entries` by the number of the entry, from 1."""
    report = FaultReport("f")
    placed = [(Place(line, 9), entry) for line, entry in enumerate(entries, 1)]
    static_records(placed, ORIGIN, 60, NAMESERVERS, report)
    split = [line.split(":", 4) for line in report.warnings()]
    return [(int(words[1]), words[4].strip()) for words in split]


def test_records_become_rrsets_in_order_of_appearance() -> None:
    rrsets, errors = read(
        "b 30 TXT x", "@ MX 10 mail", "b A 192.0.2.1", "@ MX 5 mail", "b 30 TXT y"
    )
    assert errors == []
    b = ORIGIN.child("b")
    mail = b"\x04mail\x08failover\x04test\x00"
    assert rrsets == (
        OwnedRRset(b, 16, 30, (Opaque(b"\x01x"), Opaque(b"\x01y"))),
        OwnedRRset(ORIGIN, 15, 60, (Opaque(b"\0\x0a" + mail), Opaque(b"\0\x05" + mail))),
        OwnedRRset(b, 1, 60, (Opaque(bytes([192, 0, 2, 1])),)),
    )


CNAME_ALONE = "a CNAME must be alone, but d.failover.test also has a record of type NS"
BELOW_ALONE = "a CNAME must be alone, but a.d.failover.test also has a record of type TXT"


@pytest.mark.parametrize(
    ("entries", "errors"),
    [
        (["a CNAME b"], []),
        (
            ["a CNAME b", "a TXT x"],
            [(2, "a.failover.test has a CNAME (line 1), so it can have no other record")],
        ),
        (
            ["a TXT x", "A CNAME b"],
            [(2, "a CNAME must be alone, but a.failover.test also has a record of type TXT")],
        ),
        (
            ["a CNAME b", "a CNAME c"],
            [(2, "a.failover.test has a CNAME already, on line 1; only one is allowed")],
        ),
        (
            ["a CNAME b", "a CNAME B"],
            [(2, "this CNAME record is given twice; the first time on line 1")],
        ),
        (
            ["ns1 CNAME b"],
            [(1, "a CNAME must be alone, but ns1.failover.test also has a record of type A")],
        ),
        (
            ["ns1 A 192.0.2.54"],
            [
                (
                    1,
                    "ns1.failover.test has its addresses from `nameservers`, and not 192.0.2.54; "
                    "add what is missing there, or remove it here",
                )
            ],
        ),
        (
            ["ns1 AAAA 2001:db8::1"],
            [
                (
                    1,
                    "ns1.failover.test has its addresses from `nameservers`, and not 2001:db8::1; "
                    "add what is missing there, or remove it here",
                )
            ],
        ),
        (["ns1 TXT x"], []),
        (
            ["@ MX 10 mail", "@ TXT x", "@ MX 10 Mail.Failover.Test."],
            [(3, "this MX record is given twice; the first time on line 1")],
        ),
        (
            ["a 30 A 192.0.2.1", "a A 192.0.2.2"],
            [
                (
                    2,
                    "its TTL is 60, but that of the other A records of a.failover.test is 30 "
                    "(line 1); they must be the same",
                )
            ],
        ),
        (
            ["a 30 A 192.0.2.1", "a 30 A 192.0.2.2", "a A 192.0.2.3"],
            [
                (
                    3,
                    "its TTL is 60, but that of the other A records of a.failover.test is 30 "
                    "(line 1); they must be the same",
                )
            ],
        ),
        (["a 30 A 192.0.2.1", "a TXT x"], []),
        (["*.d NS ns.x"], [(1, "a wildcard cannot be delegated (RFC 4592 section 4.2)")]),
        (["*.d A 192.0.2.1", "* TXT x"], []),
        (["d NS ns.x", "d CNAME x"], [(2, CNAME_ALONE)]),
        (["d NS ns.x", "a.d TXT x", "a.d CNAME x"], [(3, BELOW_ALONE)]),
        (["* CNAME 414-262-781"], []),
        (["a CNAME b", "b CNAME c", "c CNAME a.example.net."], []),
    ],
)
def test_records_that_exclude_each_other_are_refused(
    entries: list[str], errors: list[tuple[int, str]]
) -> None:
    assert read(*entries)[1] == errors


NOBODY = "nobody can find the servers of"
LOST = ".failover.test; give one of them its address in this zone (glue)"
LEADS_BACK = "this CNAME leads back to itself, so nobody finds anything there"
ANSWER = "is delegated by an NS record, so its servers answer there: this"
NEVER = "is kept, but never answered"
TO = "d.failover.test is delegated to"
D, E, NS1 = "d NS ns.example.net.", "e NS ns.example.net.", "d NS ns1"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            ["a CNAME a"],
            [(1, f"{LEADS_BACK}: a.failover.test -> a.failover.test")],
        ),
        (
            ["c CNAME a", "b CNAME a", "a CNAME b"],
            [(2, f"{LEADS_BACK}: a.failover.test -> b.failover.test -> a.failover.test")],
        ),
        (
            ["a CNAME b", "b CNAME a", "c CNAME c"],
            [
                (1, f"{LEADS_BACK}: a.failover.test -> b.failover.test -> a.failover.test"),
                (3, f"{LEADS_BACK}: c.failover.test -> c.failover.test"),
            ],
        ),
        # what a delegation hides
        (["d NS ns.d", "ns.d A 192.0.2.1", "ns.d AAAA 2001:db8::1"], []),
        (["d NS d", "d A 192.0.2.1", "d DS 1 13 2 " + "00" * 32], []),
        ([D, "a.b.e A 192.0.2.1", "dd TXT x"], []),
        ([D, E, "x.e A 192.0.2.1", "f NS x.e"], []),
        (
            ["a.d TXT x", D],
            [(1, f"d.failover.test {ANSWER} TXT record of a.d.failover.test {NEVER}")],
        ),
        ([D, "d MX 1 x"], [(2, f"d.failover.test {ANSWER} MX record at d.failover.test {NEVER}")]),
        (
            [D, "d A 192.0.2.1"],
            [(2, f"d.failover.test {ANSWER} A record at d.failover.test {NEVER}")],
        ),
        (
            [D, "w.d A 192.0.2.1", "*.d A 192.0.2.1", "*.d A 192.0.2.2", "c.d CNAME d"],
            [
                (
                    2,
                    f"d.failover.test {ANSWER} A record of w.d.failover.test {NEVER}, and so it "
                    "is with 3 more",
                )
            ],
        ),
        (
            [D, "a.b.d NS ns.d", "ns.d A 192.0.2.1", "a.b.d DS 1 13 2 " + "00" * 32, "d TXT x"],
            [
                (
                    2,
                    f"d.failover.test {ANSWER} NS record of a.b.d.failover.test {NEVER}, and so "
                    "it is with 2 more",
                )
            ],
        ),
        (
            [D, E, "x.d TXT x", "x.e TXT x"],
            [
                (3, f"d.failover.test {ANSWER} TXT record of x.d.failover.test {NEVER}"),
                (4, f"e.failover.test {ANSWER} TXT record of x.e.failover.test {NEVER}"),
            ],
        ),
        # delegations that cannot be followed
        (["d NS ns.d"], [(1, f"{NOBODY} d.failover.test: ns.d{LOST}")]),
        (
            ["d NS ns.e", "e NS ns.d", "f NS x.e"],
            [
                (1, f"{NOBODY} d.failover.test: ns.e{LOST}"),
                (2, f"{NOBODY} e.failover.test: ns.d{LOST}"),
                (3, f"{NOBODY} f.failover.test: x.e{LOST}"),
            ],
        ),
        (["d NS ns.e", "e NS ns.d", "e NS ns.example.net."], []),
        (["d NS ns.e", "e NS ns.d", "ns.d AAAA 2001:db8::1"], []),
        # servers of our own zone without an address
        ([NS1], []),
        (
            ["d NS ns.other"],
            [(1, f"{TO} ns.other.failover.test, which has no address in the configuration")],
        ),
        (
            ["d NS failover.test."],
            [(1, f"{TO} failover.test, which has no address in the configuration")],
        ),
        (
            ["d NS o", "o TXT x"],
            [(1, f"{TO} o.failover.test, which has no address in the configuration")],
        ),
        (["d NS ns.w", "*.w A 192.0.2.1"], []),
        (
            ["d NS w", "*.w A 192.0.2.1"],
            [(1, f"{TO} w.failover.test, which has no address in the configuration")],
        ),
        (
            ["d NS a.ns.w", "ns.w TXT x", "*.w A 192.0.2.1"],
            [(1, f"{TO} a.ns.w.failover.test, which has no address in the configuration")],
        ),
        (
            ["d NS c", "c CNAME ns1"],
            [
                (
                    1,
                    f"{TO} c.failover.test, which is a CNAME: a server's name must have "
                    "addresses (RFC 2181 section 10.3)",
                )
            ],
        ),
        (
            ["d NS ns.d", NS1],
            [(1, f"{TO} ns.d.failover.test, which needs its address in this zone (glue)")],
        ),
        ([E, "d NS ns.e"], []),
    ],
)
def test_what_other_servers_load_is_kept_and_warned_of(
    entries: list[str], expected: list[tuple[int, str]]
) -> None:
    """BIND, NSD and Knot load all of these."""
    rrsets, errors = read(*entries)
    assert errors == []
    assert sum(len(rrset.data) for rrset in rrsets) == len(entries)
    assert warnings(*entries) == expected


@pytest.mark.parametrize(
    ("entry", "written"),
    [
        ("www CNAME 192.0.2.1", "192.0.2.1"),
        ("www CNAME 192.0.2.1.", "192.0.2.1"),
        ("@ MX 10 192.0.2.1", "192.0.2.1"),
        ("_sip._tcp SRV 0 5 5060 2001:db8::1", "2001:db8::1"),
    ],
)
def test_an_address_where_a_name_belongs_is_warned_of(entry: str, written: str) -> None:
    """Other servers load it too; the origin is added to a name without a dot at its end."""
    [(line, text)] = warnings(entry)
    assert line == 1
    assert text.startswith(f'"{written}" is an address where the name of a host belongs')
    assert warnings("www CNAME 192.0.2.1.example.", "@ MX 10 1.2.3.mail", "*.mail TXT x") == []


@pytest.mark.parametrize(
    ("entries", "target"),
    [
        (["cn CNAME LB.example.net"], "lb.example.net.failover.test"),
        (["@ MX 10 mail.Failover.test"], "mail.failover.test.failover.test"),
        (["cn CNAME failover.test"], "failover.test.failover.test"),
        (["cn CNAME lb.example.net", "*.x A 192.0.2.1"], "lb.example.net.failover.test"),
    ],
)
def test_a_target_without_the_dot_at_its_end_is_warned_of(entries: list[str], target: str) -> None:
    text = f"leads to {target}, which does not exist here: is the dot at its end missing?"
    assert warnings(*entries) == [(1, text)]


@pytest.mark.parametrize(
    "entries",
    [
        ["cn CNAME lb.example.net."],
        ["cn CNAME shop"],
        ["cn CNAME primary.shop"],
        ["cn CNAME _acme-challenge.primary.shop"],
        ["cn CNAME www.customer.example._acme-challenge.failover.test."],
        ["cn CNAME a.b.shop", "a.b.shop A 192.0.2.1"],
        ["cn CNAME a.b.shop", "x.a.b.shop A 192.0.2.1"],
        ["cn CNAME a.b.shop", "* A 192.0.2.1"],
        ["cn CNAME a.b.shop", "*.shop A 192.0.2.1"],
        ["cn CNAME a.b.shop", "shop NS ns.example.net."],
        ["cn CNAME lb.example.net.failover.test."],
        ["cn TXT lb.example.net"],
    ],
)
def test_a_target_that_may_exist_is_not_warned_of(entries: list[str]) -> None:
    """Groups, sides and challenges come and go while the server runs."""
    assert warnings(*entries) == []


@pytest.mark.parametrize(
    ("entry", "is_cut"),
    [
        ("k TXT v=DKIM1; k=rsa; p=abc", True),
        ("k TXT ( v=DKIM1;\n k=rsa )", True),
        ('k TXT "v=DKIM1; k=rsa" ; a comment', False),
        ('k TXT "v=DKIM1"; a comment', False),
        ("k TXT x ; a comment", False),
        ("k TXT ( x ;\n;\n );", False),
        ("k TXT v=DKIM1\\;k=rsa", False),
        ("k A 192.0.2.1; a comment", False),
    ],
)
def test_a_text_that_a_comment_cuts_off_is_warned_of(
    entry: str, is_cut: bool, tmp_path: Path
) -> None:
    """In the configuration and in zone files; it is a comment all the same (RFC 1035)."""
    text = "a semicolon outside quotes begins a comment"
    assert [found.startswith(text) for _, found in warnings(entry)] == [True] * is_cut
    file = tmp_path / "a.zone"
    file.write_text(f"{entry}\n")
    report = FaultReport("f")
    read_files = read_zone_files([(START, file)], ORIGIN, 60, LIMITS, report)
    static_records((), ORIGIN, 60, NAMESERVERS, report, read_files)
    report.raise_if_any()
    assert [f"{file}:1:1: warning: " in found for found in report.warnings()] == [True] * is_cut


def test_a_record_that_is_refused_does_not_hide_the_next() -> None:
    rrsets, errors = read("a CNAME", "b A 192.0.2.1", "b A x", "b A 192.0.2.1")
    assert [line for line, _ in errors] == [1, 3, 4]
    assert len(rrsets) == 1


def test_an_rrset_must_fit_into_a_dns_message() -> None:
    text = '"' + "x" * 250 + '" '
    _, errors = read(*(f"a TXT {text * 100}{number}" for number in range(3)))
    assert errors == [(3, "the TXT records of a.failover.test do not fit into one DNS message")]
    assert [line for line, _ in read("a TXT " + '"' + '" "'.join(["x" * 255] * 255) + '"')[1]] == [
        1
    ]


def test_data_is_served_as_it_was_written() -> None:
    texts = {
        "HTTPS": '1 . alpn="h2,h3" ipv4hint="192.0.2.1"',
        "CAA": '0 issue "ca.test"',
        "SRV": "0 5 5060 sip.example.net.",
        "TYPE65280": "\\# 4 0a000001",
    }
    rrsets, errors = read(*(f"a {rtype} {text}" for rtype, text in texts.items()))
    assert errors == []
    for rrset, (rtype, text) in zip(rrsets, texts.items(), strict=True):
        [opaque] = rrset.data
        assert isinstance(opaque, Opaque)
        assert dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rrset.rtype)) == rtype
        read_back = dns.rdata.from_wire(
            dns.rdataclass.IN,
            dns.rdatatype.RdataType.make(rrset.rtype),
            opaque.data,
            0,
            len(opaque.data),
        )
        assert read_back.to_text() == text
