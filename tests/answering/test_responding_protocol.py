"""Replies beside their records: header, question, EDNS, sizes, and refusals."""

from __future__ import annotations

from struct import pack

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rrset
import dns.update
import pytest
from tables import (
    TCP,
    UDP,
    answer_settings,
    ask,
    flags_of,
    lines,
    new_table,
    query,
    respond,
    table_of,
    zone,
)

from failoverdns.protocol.chaos import chaos_rrsets
from failoverdns.protocol.cookies import CookieSecrets

ZONE = zone(
    "failover.test",
    "shop A 192.0.2.10\ncloud CNAME lb.example.net.\n"
    + "".join(f"m{size} A 192.0.2.{n}\n" for size in (29, 30, 31, 74, 75, 76) for n in range(size))
    + "big TXT "
    + " ".join('"' + "x" * 200 + '"' for _ in range(8))
    + "\nchild NS ns.child\n"
    + "".join(f"ns.child AAAA 2001:db8::{n:x}\n" for n in range(1, 20)),
)
TABLE = table_of(ZONE)


TOLD = answer_settings(chaos=chaos_rrsets("ns1.example.net", "failoverdns 1.0"))
"""The settings of a server with a configured id and version."""


@pytest.mark.parametrize(
    "asked", ["sHoP.FailOver.tEsT.", "NoThere.FAILOVER.test.", "WWW.Example.NET."]
)
@pytest.mark.parametrize("payload", [None, 1232], ids=["plain", "edns"])
def test_the_question_is_repeated_in_the_case_of_the_query(asked: str, payload: int | None) -> None:
    """Resolvers that mix upper and lower case (0x20) get their own spelling back."""
    reply = ask(TABLE, query(asked, payload=payload))
    [question] = reply.question
    assert question.name.to_text() == asked
    assert reply.id == 4711


@pytest.mark.parametrize("qname", ["shop.failover.test", "no.failover.test", "www.example.net"])
@pytest.mark.parametrize(
    ("asked", "told_flags"),
    [
        ("", "QR"),
        ("RD", "QR RD"),
        ("AD", "QR"),
        ("CD", "QR"),
        ("RD AD CD RA TC AA", "QR RD"),
    ],
)
def test_only_rd_is_copied(qname: str, asked: str, told_flags: str) -> None:
    """RD is copied; RA, AD, CD, TC and Z are never set; AA marks authoritative data."""
    reply = ask(TABLE, query(qname, flags=asked))
    expected = told_flags if qname.endswith("net") else told_flags.replace("QR", "QR AA")
    assert flags_of(reply) == expected


def test_the_reserved_bit_of_the_header_is_not_copied() -> None:
    """Z is zero in every reply."""
    packet = bytearray(query("shop.failover.test").to_wire())
    packet[3] |= 0x40
    reply = respond(TABLE, bytes(packet), UDP)
    assert reply is not None
    assert reply[2:4] == b"\x85\x00"


@pytest.mark.parametrize("qname", ["www.example.net", "test", "."])
def test_a_name_outside_our_zones_is_refused(qname: str) -> None:
    """The reply is REFUSED without data; with EDNS it has the reason (RFC 8914)."""
    plain, edns = ask(TABLE, query(qname)), ask(TABLE, query(qname, payload=1232))
    for reply in (plain, edns):
        assert reply.rcode() == dns.rcode.REFUSED
        assert (reply.answer, reply.authority, reply.additional) == ([], [], [])
        assert flags_of(reply) == "QR RD"
    assert plain.edns == -1
    assert [option.to_text() for option in edns.options] == [
        dns.edns.EDEOption(dns.edns.EDECode.NOT_AUTHORITATIVE).to_text()
    ]


@pytest.mark.parametrize(
    ("rtype", "rclass", "rcode"),
    [
        ("AXFR", "IN", "REFUSED"),
        ("IXFR", "IN", "REFUSED"),
        ("MAILA", "IN", "NOTIMP"),
        ("MAILB", "IN", "NOTIMP"),
        ("TSIG", "IN", "NOTIMP"),
        ("TKEY", "IN", "NOTIMP"),
        ("TYPE128", "IN", "NOTIMP"),
        ("TYPE200", "IN", "NOTIMP"),
        ("TYPE0", "IN", "NOTIMP"),
        ("TYPE127", "IN", "NOERROR"),
        ("TYPE65535", "IN", "NOERROR"),
        ("RRSIG", "IN", "NOERROR"),
        ("A", "CH", "REFUSED"),
        ("TXT", "CH", "REFUSED"),
        ("A", "HS", "REFUSED"),
        ("A", "NONE", "REFUSED"),
        ("A", "ANY", "REFUSED"),
        ("ANY", "ANY", "REFUSED"),
        ("A", "CLASS4711", "REFUSED"),
    ],
)
@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize("has_option", [False, True], ids=["plain", "with an option"])
def test_meta_types_and_other_classes_get_a_defined_rcode_and_no_data(
    rtype: str, rclass: str, rcode: str, has_option: bool, udp: bool
) -> None:
    """Transfers, meta types and classes other than IN get no data.

    A query with an option, as dig sends it, has no ready answer: it takes the slow path.
    """
    message = query("shop.failover.test", rtype, rclass)
    if has_option:
        message.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(65001, b"private")])
        assert TABLE.ready_answer(message.to_wire(), udp=udp) is None
    reply = ask(TABLE, message, udp=udp)
    assert reply.rcode().name == rcode
    assert (reply.answer, reply.additional) == ([], [])
    assert bool(reply.authority) == (rcode == "NOERROR")
    assert ("AA" in flags_of(reply)) == (rcode == "NOERROR")
    assert reply.question


def test_a_query_for_type_opt_gets_formerr() -> None:
    """The reply repeats the question."""
    question = b"\4shop\10failover\4test\0\0\x29\0\1"
    packet = pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question
    assert respond(TABLE, packet, UDP) == pack(">HHHHHH", 7, 0x8101, 1, 0, 0, 0) + question


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 6, 15])
def test_another_opcode_is_not_implemented(opcode: int) -> None:
    """NOTIMP in a header alone, with id and opcode of the query, and RD cleared."""
    packet = pack(">HHHHHH", 7, opcode << 11 | 0x0100, 1, 0, 0, 0) + b"\0\0\1\0\1"
    expected = pack(">HHHHHH", 7, 0x8004 | opcode << 11, 0, 0, 0, 0)
    assert respond(TABLE, packet, UDP) == expected


@pytest.mark.parametrize(
    ("zone", "rcode"), [("failover.test", 5), ("shop.failover.test", 9), ("elsewhere.test", 9)]
)
def test_an_update_that_is_not_signed_is_refused(zone: str, rcode: int) -> None:
    """REFUSED for a zone of ours, else NOTAUTH; the reply repeats the zone, as that of BIND."""
    update = dns.update.UpdateMessage(zone, id=7)
    update.add("new", 60, "A", "192.0.2.1")
    packet = update.to_wire()
    zone_section = packet[12 : 12 + len(dns.name.from_text(zone).to_wire()) + 4]
    expected = pack(">HHHHHH", 7, 0xA800 | rcode, 1, 0, 0, 0) + zone_section
    assert respond(TABLE, packet, UDP) == respond(TABLE, packet, TCP) == expected


def test_a_malformed_query_gets_formerr_with_its_question() -> None:
    """A resolver may drop a reply without it; letters keep their case, as in every reply."""
    packet = query("sHOp.failover.test").to_wire() + b"\0"
    assert respond(TABLE, packet, UDP) == b"\x12\x67\x81\x01\0\1" + bytes(6) + packet[12:-1]


def test_a_malformed_query_whose_question_cannot_be_read_gets_a_header_alone() -> None:
    packet = query("shop.failover.test").to_wire()[:-1]
    assert respond(TABLE, packet, UDP) == pack(">HHHHHH", 4711, 0x8101, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "options",
    [b"\0\x0a\0\7abcdefg", b"\0\x08\0\1x", b"\0\3\0\1", b"\0\3"],
    ids=["a bad cookie", "a bad client subnet", "an option beyond OPT", "half an option"],
)
def test_bad_options_get_formerr_with_question_and_opt(options: bytes) -> None:
    """Without OPT, a resolver would ask without EDNS from then on (RFC 6891 section 7)."""
    plain = query("shop.failover.test").to_wire()
    opt = b"\0" + pack(">HHIH", 41, 4096, 0x8000, len(options)) + options
    reply = respond(TABLE, plain[:11] + b"\1" + plain[12:] + opt, UDP)
    assert reply is not None
    told = dns.message.from_wire(reply)
    assert (told.rcode(), len(told.question)) == (dns.rcode.FORMERR, 1)
    assert (told.edns, told.payload, told.ednsflags, told.options) == (0, 1232, dns.flags.DO, ())


def test_formerr_has_the_cookie_of_a_client_that_sent_a_good_one() -> None:
    """Such a client drops replies without its cookie (RFC 7873 section 5.3)."""
    opt = b"\0" + pack(">HHIH", 41, 1232, 0, 12) + b"\0\x0a\0\x08abcdefgh"
    plain = query("shop.failover.test").to_wire()
    settings = answer_settings(CookieSecrets((b"0123456789abcdef",)))
    reply = respond(TABLE, plain[:11] + b"\1" + plain[12:] + opt + b"x", UDP, settings)
    assert reply is not None
    told = dns.message.from_wire(reply)
    assert told.rcode() == dns.rcode.FORMERR
    assert [option.otype for option in told.options] == [10]


def test_formerr_is_never_larger_than_the_client_takes() -> None:
    """With the longest question and NSID, the options are left out; over TCP they are not."""
    question = (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61 + b"\0\0\1\0\1"
    options = b"\0\3\0\0"
    opt = b"\0" + pack(">HHIH", 41, 512, 0, len(options)) + options
    packet = pack(">HHHHHH", 7, 0, 1, 0, 0, 1) + question + opt + b"x"
    settings = answer_settings(None, b"n" * 255)
    over_udp, over_tcp = (respond(TABLE, packet, asker, settings) for asker in (UDP, TCP))
    assert over_udp is not None
    assert over_tcp is not None
    assert (len(over_udp), len(over_tcp)) == (12 + 259 + 11, 12 + 259 + 11 + 4 + 255)


@pytest.mark.parametrize("rtype", ["RRSIG", "NSEC"])
@pytest.mark.parametrize("qname", ["c", "x.w", "away"])
def test_nsec_and_rrsig_are_not_answered_with_a_cname(rtype: str, qname: str) -> None:
    """A name may have them beside its CNAME, so their absence is NODATA (RFC 4035 section 2.5)."""
    table = table_of(
        zone(
            "failover.test",
            "c 60 CNAME shop.failover.test.\n"
            "*.w 60 CNAME shop.failover.test.\n"
            "away 60 CNAME www.example.net.\n"
            "shop 60 A 192.0.2.10",
        )
    )
    reply = ask(table, query(f"{qname}.failover.test", rtype))
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert [rrset.rdtype for rrset in reply.authority] == [dns.rdatatype.SOA]
    assert lines(ask(table, query(f"{qname}.failover.test", "KEY")).answer)


@pytest.mark.parametrize(
    "packet", [b"", b"\0" * 11, query("shop.failover.test", flags="QR RD").to_wire()]
)
def test_responses_and_incomplete_headers_get_no_reply(packet: bytes) -> None:
    """A packet shorter than a header, or a response, is ignored."""
    assert respond(TABLE, packet, UDP) is None


@pytest.mark.parametrize("version", [1, 2, 255])
@pytest.mark.parametrize("qname", ["shop.failover.test", "www.example.net"])
def test_a_newer_edns_version_gets_badvers_and_version_0(version: int, qname: str) -> None:
    """The reply has the question, and no answer (RFC 6891 section 6.1.3)."""
    reply = ask(TABLE, query(qname, payload=1232, version=version))
    assert reply.rcode() == dns.rcode.BADVERS
    assert reply.edns == 0
    assert (len(reply.question), reply.answer, reply.authority) == (1, [], [])
    assert flags_of(reply) == "QR RD"


@pytest.mark.parametrize("qname", ["shop.failover.test", "no.failover.test", "www.example.net"])
@pytest.mark.parametrize("dnssec_ok", [False, True])
def test_edns_is_answered_with_edns(qname: str, dnssec_ok: bool) -> None:
    """The reply advertises 1232 bytes and copies DO; a query without EDNS gets no OPT."""
    reply = ask(TABLE, query(qname, payload=4096, dnssec_ok=dnssec_ok))
    assert (reply.edns, reply.payload) == (0, 1232)
    assert reply.ednsflags == (dns.flags.DO if dnssec_ok else 0)
    assert ask(TABLE, query(qname)).edns == -1


@pytest.mark.parametrize(
    "option",
    [
        dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678"),
        dns.edns.GenericOption(dns.edns.OptionType.NSID, b""),
        dns.edns.GenericOption(dns.edns.OptionType.KEEPALIVE, b""),
        dns.edns.GenericOption(65001, b"private"),
    ],
    ids=["a cookie", "NSID", "keepalive over UDP", "an unknown one"],
)
def test_options_that_are_unknown_or_not_configured_are_ignored(option: dns.edns.Option) -> None:
    """The answer is the same, without an option."""
    message = query("shop.failover.test")
    message.use_edns(0, 0, 1232, options=[option])
    reply = ask(TABLE, message)
    assert lines(reply.answer) == ["shop.failover.test. 60 IN A 192.0.2.10"]
    assert reply.options == ()


def test_a_query_without_a_question_gets_a_cookie() -> None:
    """RFC 7873 section 5.4; if cookies are off, it gets FORMERR."""
    option = b"\0\x0a\0\x08abcdefgh"
    opt = b"\0" + pack(">HHIH", 41, 1232, 0, len(option)) + option
    packet = pack(">HHHHHH", 7, 0x0100, 0, 0, 0, 1) + opt
    settings = answer_settings(CookieSecrets((b"0123456789abcdef",)))
    for asker in (UDP, TCP):
        told = respond(TABLE, packet, asker, settings)
        assert told is not None
        reply = dns.message.from_wire(told)
        assert (reply.id, reply.rcode(), reply.question) == (7, dns.rcode.NOERROR, [])
        assert [option.otype for option in reply.options] == [10]
        assert told[-24:-16] == b"abcdefgh"
        off = pack(">HHHHHH", 7, 0x8101, 0, 0, 0, 1) + opt[:9] + b"\0\0"
        assert respond(TABLE, packet, asker) == off


def test_unknown_edns_flags_are_not_copied() -> None:
    """Of the EDNS flags only DO has a meaning."""
    message = query("shop.failover.test", payload=1232)
    message.ednsflags = 0xFFFF
    assert ask(TABLE, message).ednsflags == dns.flags.DO


# Header and question take 12 + 4 + 19 bytes, each A record 16, OPT 11: 29 records end at byte 499,
# 30 with OPT and without at 515 and 526, 74 with OPT at 1230, 75 at 1246.
SIZES = [
    ("29 addresses fit into 512 bytes", "m29", None, True, 29),
    ("30 do not", "m30", None, True, 0),
    ("nor if EDNS says 512", "m30", 512, True, 0),
    ("less than 512 counts as 512", "m29", 0, True, 29),
    ("nor if it says less", "m30", 0, True, 0),
    ("the client's size holds", "m30", 526, True, 30),
    ("to the byte", "m30", 525, True, 0),
    ("74 fit into 1232 bytes", "m74", 1232, True, 74),
    ("a client that accepts less gets less", "m74", 1229, True, 0),
    ("75 do not fit", "m75", 1232, True, 0),
    ("however much the client accepts", "m76", 65535, True, 0),
    ("over TCP all fit", "m76", None, False, 76),
    ("over TCP the client's size is for UDP only", "m76", 512, False, 76),
]


@pytest.mark.parametrize(
    ("owner", "payload", "udp", "count"), [pytest.param(*case[1:], id=case[0]) for case in SIZES]
)
def test_an_answer_that_does_not_fit_is_left_out_and_tc_set(
    owner: str, payload: int | None, udp: bool, count: int
) -> None:
    """UDP replies have at most 512 bytes, the client's payload size, or 1232."""
    packet = query(f"{owner}.failover.test", payload=payload).to_wire()
    wire = respond(TABLE, packet, UDP if udp else TCP)
    assert wire is not None
    reply = dns.message.from_wire(wire)
    assert len(lines(reply.answer)) == count
    assert bool(reply.flags & dns.flags.TC) == (count == 0)
    assert (reply.edns >= 0) == (payload is not None)
    assert reply.rcode() == 0
    limit = 512 if payload is None else min(max(512, payload), 1232)
    assert not udp or len(wire) <= limit


def test_a_referral_whose_glue_does_not_fit_sets_tc() -> None:
    """Glue is required (RFC 9471): without it the resolver must retry over TCP."""
    reply = ask(TABLE, query("www.child.failover.test"))
    assert flags_of(reply) == "QR TC RD"
    assert (reply.answer, reply.authority, reply.additional) == ([], [], [])
    assert len(lines(ask(TABLE, query("www.child.failover.test"), udp=False).additional)) == 19


def test_a_txt_record_of_1600_bytes_is_sent_over_tcp_only() -> None:
    """Replies over 1232 bytes are never sent over UDP."""
    assert flags_of(ask(TABLE, query("big.failover.test", "TXT", payload=4096))) == "QR AA TC RD"
    [text] = ask(TABLE, query("big.failover.test", "TXT"), udp=False).answer[0]
    assert len(b"".join(text.strings)) == 1600


CHAOS = [
    ("id.server", "ns1.example.net"),
    ("hostname.bind", "ns1.example.net"),
    ("version.server", "failoverdns 1.0"),
    ("VERSION.bind", "failoverdns 1.0"),
]


@pytest.mark.parametrize(("qname", "text"), CHAOS)
@pytest.mark.parametrize("rtype", ["TXT", "ANY"])
def test_id_and_version_are_answered_if_they_are_configured(
    qname: str, text: str, rtype: str
) -> None:
    """The records of class CH (RFC 4892) have TTL 0."""
    reply = ask(TABLE, query(qname, rtype, "CH"), settings=TOLD)
    assert lines(reply.answer) == [f'{qname}. 0 CH TXT "{text}"']
    assert flags_of(reply) == "QR AA RD"
    hidden = ask(TABLE, query(qname, rtype, "CH"))
    assert (hidden.rcode(), hidden.answer) == (dns.rcode.REFUSED, [])


def test_id_and_version_are_answered_as_txt_of_class_ch_only() -> None:
    """Other types get NODATA, other names and classes are refused."""
    reply = ask(TABLE, query("version.bind", "A", "CH"), settings=TOLD)
    assert (reply.rcode(), reply.answer, reply.authority) == (0, [], [])
    for qname, rclass in (("version.bind", "IN"), ("authors.bind", "CH"), ("version.bind", "HS")):
        assert ask(TABLE, query(qname, "TXT", rclass), settings=TOLD).rcode() == dns.rcode.REFUSED


def test_a_server_without_zones_refuses_everything() -> None:
    """An empty table has no answer and raises nothing."""
    for qname in (".", "test", "shop.failover.test"):
        assert ask(new_table(), query(qname)).rcode() == dns.rcode.REFUSED
