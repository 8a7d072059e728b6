"""Replies are read back by dnspython as intended, and never exceed their limit."""

from __future__ import annotations

from ipaddress import IPv4Address

import dns.edns
import dns.flags
import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import query

from failoverdns.model.names import DomainName
from failoverdns.model.records import TXT, A, RRset, Text
from failoverdns.protocol.query import Edns, Faulty, Query, read_query
from failoverdns.protocol.records import compile_records
from failoverdns.protocol.reply import Owned, Sections, udp_limit, write_fault, write_reply

LABELS = [b"a", b"b", b"www", b"x" * 60, b"\0\xff", b"*"]
names = st.lists(st.sampled_from(LABELS), max_size=4).map(
    lambda labels: DomainName.from_labels(labels).wire
)
owned = st.tuples(names, st.integers(1, 4))


def read(qname: str = "www.failover.test", edns: bool = False) -> Query:
    """Return a query as it is read from the network."""
    parsed = read_query(query(qname, payload=1232 if edns else None).to_wire())
    assert isinstance(parsed, Query)
    return parsed


def rrset(owner: bytes, count: int, rtype: int = A) -> Owned:
    """Return an RRset of `count` addresses at a name."""
    data = tuple(IPv4Address(number) for number in range(count))
    return owner, compile_records(RRset(rtype, 60, data))


def contents(section: list[dns.rrset.RRset]) -> list[tuple[bytes, int]]:
    """Return the owners and record counts of a section as dnspython read it."""
    found: list[tuple[bytes, int]] = []
    for rrset in section:
        found.append((rrset.name.to_wire() or b"", len(rrset)))
    return found


@given(st.lists(owned, max_size=12), st.lists(owned, max_size=12), st.lists(owned, max_size=12))
def test_compressed_owner_names_are_read_back_by_dnspython(
    answer: list[tuple[bytes, int]],
    authority: list[tuple[bytes, int]],
    additional: list[tuple[bytes, int]],
) -> None:
    """Any owner names are found again, each in its section and in order."""
    sections = [[rrset(*one) for one in part] for part in (answer, authority, additional)]
    reply = write_reply(read(), Sections(0, True, sections[0], sections[1], sections[2]), 65535)
    parsed = dns.message.from_wire(reply, one_rr_per_rrset=True)
    expected = [
        [owner for owner, count in part for _ in range(count)]
        for part in (answer, authority, additional)
    ]
    assert [[rr.name.to_wire() for rr in section] for section in parsed.sections[1:]] == expected


def test_a_repeated_owner_name_takes_two_bytes() -> None:
    """Owner names point to the question and to each other."""
    www = DomainName.from_text("www.failover.test")
    asked = read()
    size = len(write_reply(asked, Sections(0), 65535))
    for owner, cost in (
        ("www.failover.test", 2),
        ("ns1.failover.test", 6),
        ("a.www.failover.test", 4),
    ):
        one = Sections(0, answer=[rrset(DomainName.from_text(owner).wire, 1)])
        assert len(write_reply(asked, one, 65535)) == size + cost + 14
    twice = Sections(0, answer=[rrset(www.wire, 1)], additional=[rrset(b"\1x" + www.wire, 2)])
    assert len(write_reply(asked, twice, 65535)) == size + 16 + 18 + 16


def test_names_out_of_reach_of_a_pointer_are_written_in_full() -> None:
    """A pointer has 14 bits, but a reply over TCP may be longer."""
    far = [rrset(DomainName.from_labels([b"n%d" % n, b"far"]).wire, 10) for n in range(300)]
    reply = write_reply(read(), Sections(0, answer=[*far, far[-1]]), 65535)
    assert len(reply) > 0x8000
    parsed = dns.message.from_wire(reply, one_rr_per_rrset=True)
    assert [rr.name.to_wire() for rr in parsed.answer[-10:]] == [far[-1][0]] * 10
    assert len(parsed.answer) == 3010


@pytest.mark.parametrize("edns", [False, True], ids=["plain", "edns"])
@pytest.mark.parametrize("part", ["answer", "authority", "additional"])
def test_a_reply_that_does_not_fit_is_cut_to_its_question(part: str, edns: bool) -> None:
    """One byte over the limit leaves TC, question and OPT; at the limit everything is there."""
    asked = read(edns=edns)
    sections = Sections(0, **{part: [rrset(asked.name.wire, 5)]})  # type: ignore[arg-type]
    whole = write_reply(asked, sections, 65535)
    assert write_reply(asked, sections, len(whole)) == whole
    cut = dns.message.from_wire(write_reply(asked, sections, len(whole) - 1))
    assert cut.flags & dns.flags.TC
    assert [len(section) for section in cut.sections] == [1, 0, 0, 0]
    assert cut.edns == (0 if edns else -1)


@pytest.mark.parametrize("rcode", [0, 1, 3, 5, 16, 23])
def test_an_rcode_over_15_continues_in_opt(rcode: int) -> None:
    """dnspython reads extended rcodes as they were given."""
    reply = dns.message.from_wire(write_reply(read(edns=True), Sections(rcode), 512))
    assert reply.rcode() == rcode


@pytest.mark.parametrize("dnssec_ok", [True, False])
def test_opt_advertises_1232_bytes_and_version_0_and_copies_do(dnssec_ok: bool) -> None:
    """Of the client's flags and values only DO is copied."""
    asked = read_query(query("a.test", payload=4096, dnssec_ok=dnssec_ok).to_wire())
    assert isinstance(asked, Query)
    reply = write_reply(asked, Sections(0), 512)
    assert reply[-11:] == b"\0\0\x29\x04\xd0\0\0" + (b"\x80\0" if dnssec_ok else b"\0\0") + b"\0\0"


def test_an_extended_error_is_sent_in_opt_only() -> None:
    """EDE 20 is an EDNS option, so that only clients with EDNS get it (RFC 8914)."""
    refused = Sections(5, authoritative=False, extended_error=20)
    with_edns = dns.message.from_wire(write_reply(read(edns=True), refused, 512))
    [option] = with_edns.options
    assert isinstance(option, dns.edns.EDEOption)
    assert option.code == 20
    plain = write_reply(read(), refused, 512)
    assert len(plain) == len(read().question) + 12


def test_a_message_that_cannot_be_read_gets_a_header_with_id_and_opcode() -> None:
    assert write_fault(Faulty(0xABCD, 5, 4, "")) == b"\xab\xcd\xa8\x04" + bytes(8)


@pytest.mark.parametrize(
    ("edns", "limit"),
    [
        (None, 512),
        (Edns(512, 0, False), 512),
        (Edns(513, 0, False), 513),
        (Edns(1232, 0, False), 1232),
        (Edns(65535, 0, True), 1232),
    ],
)
def test_udp_replies_have_a_limit(edns: Edns | None, limit: int) -> None:
    """The limit is 512 bytes, the client's payload size, or 1232."""
    asked = Query(1, False, b"\0\0\1\0\1", DomainName(b"\0"), 1, 1, edns)
    assert udp_limit(asked) == limit


def test_the_longest_question_fits_with_the_largest_opt() -> None:
    """A truncated reply never exceeds 512 bytes itself."""
    longest = DomainName((b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61 + b"\0")
    question = longest.wire + b"\0\1\0\1"
    asked = Query(1, False, question, longest, 1, 1, Edns(512, 0, True))
    many = (longest.wire, compile_records(RRset(TXT, 60, (Text((b"x" * 255,)),))))
    sections = Sections(5, answer=[many], extended_error=20)
    reply = dns.message.from_wire(write_reply(asked, sections, 512))
    assert reply.flags & dns.flags.TC
