"""Packets from DNS clients are read in bounded time, and refused exactly as the RFCs require."""

from __future__ import annotations

from struct import pack

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.tsig
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from failoverdns.protocol.options import Options
from failoverdns.protocol.query import (
    Edns,
    Faulty,
    Ignored,
    Query,
    Signed,
    Unasked,
    Update,
    read_query,
)
from failoverdns.protocol.reply import write_fault

ID = 0x1234
NAME = b"\3WWW\10failover\4test\0"
TO_ROOT = b"\xc0\x20"
QUESTION = NAME + pack(">HH", 1, 1)
ZONE = b"\10failover\4test\0" + pack(">HH", 6, 1)
LONGEST = (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61 + b"\0"
TOO_LONG = (b"\x3f" + b"x" * 63) * 3 + b"\x3e" + b"x" * 62 + b"\0"


def head(flags: int = 0x0100, qd: int = 1, an: int = 0, ns: int = 0, ar: int = 0) -> bytes:
    """Return a header."""
    return pack(">HHHHHH", ID, flags, qd, an, ns, ar)


def opt(
    options: bytes = b"",
    *,
    owner: bytes = b"\0",
    payload: int = 1232,
    ttl: int = 0,
    length: int | None = None,
) -> bytes:
    """Return an OPT record; `ttl` is extended rcode, version and flags."""
    size = len(options) if length is None else length
    return owner + pack(">HHIH", 41, payload, ttl, size) + options


def record(owner: bytes = b"\xc0\x0c", rtype: int = 1, data: bytes = b"\xc0\0\2\1") -> bytes:
    """Return a record of class IN."""
    return owner + pack(">HHIH", rtype, 1, 60, len(data)) + data


RECORD = record()
PLAIN = head() + QUESTION
EDNS = head(ar=1) + QUESTION + opt()

QUERIES = [
    ("an ordinary query", PLAIN, None),
    ("a query without RD", head(0) + QUESTION, None),
    ("AA, TC, RA, Z, AD, CD and an rcode in a query mean nothing", head(0x07FF) + QUESTION, None),
    ("a query for the root", head() + b"\0" + pack(">HH", 2, 1), None),
    ("a name of 255 bytes", head() + LONGEST + pack(">HH", 1, 1), None),
    ("a label of 63 bytes", head() + b"\x3f" + b"x" * 63 + b"\0\0\1\0\1", None),
    ("a label of any bytes", head() + b"\4\0\xff.\\\0\0\1\0\1", None),
    ("type 0", head() + NAME + b"\0\0\0\1", None),
    ("type 65535", head() + NAME + b"\xff\xff\0\1", None),
    ("class CH", head() + NAME + b"\0\x10\0\3", None),
    ("class ANY", head() + NAME + b"\0\1\0\xff", None),
    ("class 0", head() + NAME + b"\0\1\0\0", None),
    ("EDNS", EDNS, Edns(1232, 0, False)),
    ("EDNS with DO", head(ar=1) + QUESTION + opt(ttl=0x8000), Edns(1232, 0, True)),
    ("EDNS with unknown flags", head(ar=1) + QUESTION + opt(ttl=0x7FFF), Edns(1232, 0, False)),
    (
        "an extended rcode in a query",
        head(ar=1) + QUESTION + opt(ttl=7 << 24),
        Edns(1232, 0, False),
    ),
    ("EDNS version 1", head(ar=1) + QUESTION + opt(ttl=1 << 16), Edns(1232, 1, False)),
    ("EDNS version 255", head(ar=1) + QUESTION + opt(ttl=255 << 16), Edns(1232, 255, False)),
    ("a payload of 0 counts as 512", head(ar=1) + QUESTION + opt(payload=0), Edns(512, 0, False)),
    ("a payload of 511 too", head(ar=1) + QUESTION + opt(payload=511), Edns(512, 0, False)),
    ("a payload of 65535", head(ar=1) + QUESTION + opt(payload=65535), Edns(65535, 0, False)),
    ("an unknown option", head(ar=1) + QUESTION + opt(b"\xfd\xe9\0\2ab"), Edns(1232, 0, False)),
    ("an option without data", head(ar=1) + QUESTION + opt(b"\xfd\xe9\0\0"), Edns(1232, 0, False)),
    (
        "two options",
        head(ar=1) + QUESTION + opt(b"\xfd\xe9\0\0\xfd\xea\0\1x"),
        Edns(1232, 0, False),
    ),
    ("33 options", head(ar=1) + QUESTION + opt(b"\xfd\xe9\0\0" * 33), Edns(1232, 0, False)),
    (
        "1,023 options and a cookie",
        head(ar=1) + QUESTION + opt(b"\xfd\xe9\0\0" * 1023 + b"\0\x0a\0\x08abcdefgh"),
        Edns(1232, 0, False, Options(cookie=b"abcdefgh")),
    ),
    (
        "16,000 options, of which the first 1,024 are read",
        head(ar=1) + QUESTION + opt(b"\xfd\xe9\0\0" * 16000 + b"\0\x0a\0\x08abcdefgh"),
        Edns(1232, 0, False, Options()),
    ),
    (
        "options of a later version, which may be anything",
        head(ar=1) + QUESTION + opt(b"\0\x0a\0\1x\0", ttl=1 << 16),
        Edns(1232, 1, False),
    ),
    ("records in the answer section", head(an=2) + QUESTION + RECORD * 2, None),
    ("a record in the authority section", head(ns=1) + QUESTION + RECORD, None),
    ("a record in the additional section", head(ar=1) + QUESTION + RECORD, None),
    ("OPT before another record", head(ar=2) + QUESTION + opt() + RECORD, Edns(1232, 0, False)),
    ("OPT after another record", head(ar=2) + QUESTION + RECORD + opt(), Edns(1232, 0, False)),
    ("a record whose owner is written out", head(ar=1) + QUESTION + record(NAME), None),
    ("a record without data", head(ar=1) + QUESTION + record(data=b""), None),
    ("an owner that points at itself", head(ar=1) + QUESTION + record(b"\xc0\x25"), None),
    ("an owner that points past the end", head(ar=1) + QUESTION + record(b"\xff\xff"), None),
    ("32 records", head(an=10, ns=10, ar=12) + QUESTION + RECORD * 32, None),
]

FAULTS = [
    ("no question", head(qd=0), 0, 1),
    ("no question, but EDNS", head(qd=0, ar=1) + opt(), 0, 1),
    ("no question, but bytes of one", head(qd=0) + QUESTION, 0, 1),
    ("two questions", head(qd=2) + QUESTION * 2, 0, 1),
    ("65535 questions", head(qd=65535) + QUESTION, 0, 1),
    ("an announced answer that is missing", head(an=1) + QUESTION, 0, 1),
    ("an announced authority record that is missing", head(ns=1) + QUESTION, 0, 1),
    ("an announced additional record that is missing", head(ar=1) + QUESTION, 0, 1),
    ("33 records", head(an=11, ns=10, ar=12) + QUESTION + RECORD * 33, 0, 1),
    ("33 records announced, none there", head(ar=33) + QUESTION, 0, 1),
    ("65535 records three times", head(an=65535, ns=65535, ar=65535) + QUESTION, 0, 1),
    ("a byte after the question", PLAIN + b"\0", 0, 1),
    ("a byte after OPT", EDNS + b"\0", 0, 1),
    ("OPT that no count announces", PLAIN + opt(), 0, 1),
    ("two OPT", head(ar=2) + QUESTION + opt() + opt(), 0, 1),
    ("OPT in the answer section", head(an=1) + QUESTION + opt(), 0, 1),
    ("OPT in the authority section", head(ns=1) + QUESTION + opt(), 0, 1),
    ("OPT in two sections", head(an=1, ar=1) + QUESTION + opt() + opt(), 0, 1),
    ("OPT whose owner is not the root", head(ar=1) + QUESTION + opt(owner=NAME), 0, 1),
    ("OPT whose owner is a pointer", head(ar=1) + QUESTION + opt(owner=b"\xc0\x0c"), 0, 1),
    ("OPT whose owner points at the root", head(ar=1) + QUESTION + opt(owner=TO_ROOT), 0, 1),
    ("OPT longer than the message", head(ar=1) + QUESTION + opt(length=1), 0, 1),
    ("OPT shorter than what follows", head(ar=1) + QUESTION + opt(b"\0\3\0\0", length=0), 0, 1),
    ("an option of one byte", head(ar=1) + QUESTION + opt(b"\0"), 0, 1),
    ("an option of three bytes", head(ar=1) + QUESTION + opt(b"\0\3\0"), 0, 1),
    ("an option longer than OPT", head(ar=1) + QUESTION + opt(b"\0\3\0\1"), 0, 1),
    ("an option much longer than OPT", head(ar=1) + QUESTION + opt(b"\0\3\xff\xff"), 0, 1),
    ("a second option cut short", head(ar=1) + QUESTION + opt(b"\0\3\0\0\0\3"), 0, 1),
    ("a pointer in QNAME", head() + b"\xc0\x0c\0\1\0\1", 0, 1),
    ("a pointer in QNAME after a label", head() + b"\3www\xc0\x0c\0\1\0\1", 0, 1),
    ("a pointer in QNAME to the header", head() + b"\xc0\0\0\1\0\1", 0, 1),
    ("a pointer in QNAME forward", head() + b"\xc0\x12\0\1\0\1\0", 0, 1),
    ("a label of type 0x40", head() + b"\x41x\0\0\1\0\1", 0, 1),
    ("a label of type 0x80", head() + b"\x81x\0\0\1\0\1", 0, 1),
    ("a label of type 0x40 in an owner", head(ar=1) + QUESTION + record(b"\x41x\0"), 0, 1),
    ("a label of type 0x80 in an owner", head(ar=1) + QUESTION + record(b"\x81x\0"), 0, 1),
    ("a label of 64 bytes", head() + b"\x40" + b"x" * 64 + b"\0\0\1\0\1", 0, 1),
    ("a name of 256 bytes", head() + TOO_LONG + b"\0\1\0\1", 0, 1),
    ("a name of 128 labels", head() + b"\1x" * 128 + b"\0\0\1\0\1", 0, 1),
    ("a name that never ends", head() + b"\1x" * 2000, 0, 1),
    ("an owner over 255 bytes", head(ar=1) + QUESTION + record(b"\1x" * 128 + b"\0"), 0, 1),
    ("an owner that is half a pointer", head(ar=1) + QUESTION + b"\xc0", 0, 1),
    ("a record longer than the message", head(ar=1) + QUESTION + RECORD[:-1], 0, 1),
    ("a header alone", head(), 0, 1),
    ("IQUERY", head(0x0900) + QUESTION, 1, 4),
    ("STATUS", head(0x1000) + QUESTION, 2, 4),
    ("opcode 3", head(0x1800) + QUESTION, 3, 4),
    ("NOTIFY", head(0x2400) + QUESTION, 4, 4),
    ("an UPDATE whose zone section is not an SOA question", head(0x2800) + QUESTION, 5, 1),
    ("an UPDATE of class ANY", head(0x2800) + ZONE[:-1] + b"\xff", 5, 1),
    ("an UPDATE without a zone", head(0x2800, qd=0), 5, 1),
    ("an UPDATE of two zones", head(0x2800, qd=2) + ZONE * 2, 5, 1),
    ("an UPDATE with a byte after it", head(0x2800) + ZONE + b"\0", 5, 1),
    ("an UPDATE whose record is missing", head(0x2800, ns=1) + ZONE, 5, 1),
    ("DSO", head(0x3000, qd=0), 6, 4),
    ("opcode 15", head(0x7900) + QUESTION, 15, 4),
    ("opcode 15, a header alone", head(0x7900, qd=0), 15, 4),
    ("an unknown opcode and broken bytes", head(0x4000, qd=9) + b"\xff", 8, 4),
]

IGNORED = [
    ("nothing", b""),
    ("one byte", b"\x12"),
    ("eleven bytes", head()[:11]),
    ("a response", head(0x8000) + QUESTION),
    ("a response with an error", head(0x8001, qd=0)),
    ("a response of unknown opcode", head(0xF800, qd=0)),
    ("a broken response", head(0x8000, qd=2) + b"\xff"),
]


@pytest.mark.parametrize(
    ("packet", "edns"), [pytest.param(p, e, id=what) for what, p, e in QUERIES]
)
def test_every_well_formed_query_is_read(packet: bytes, edns: Edns | None) -> None:
    """Unusual but well-formed queries are read with their question, RD and EDNS."""
    query = read_query(packet)
    assert isinstance(query, Query)
    question = packet[12 : 12 + len(query.question)]
    assert (query.id, query.question, query.edns) == (ID, question, edns)
    assert query.recursion_desired == bool(packet[2] & 1)
    assert (
        query.name.wire + pack(">HH", query.qtype, query.qclass)
        == question[:-4].lower() + (question[-4:])
    )


@pytest.mark.parametrize(
    ("packet", "opcode", "rcode"), [pytest.param(p, o, r, id=what) for what, p, o, r in FAULTS]
)
def test_a_malformed_query_gets_formerr_and_another_opcode_notimp(
    packet: bytes, opcode: int, rcode: int
) -> None:
    """Another opcode gets NOTIMP, whatever follows the header."""
    fault = read_query(packet)
    assert isinstance(fault, Faulty)
    assert (fault.id, fault.opcode, fault.rcode) == (ID, opcode, rcode)
    assert fault.why


COOKIE = b"\0\x0a\0\x08abcdefgh"
AFTER_OPT = head(ar=1) + QUESTION + opt(COOKIE, ttl=0x8000) + b"\0"
WITH_DO = Edns(1232, 0, True, Options(cookie=b"abcdefgh"))


def tsig(
    *,
    owner: bytes = b"\3key\0",
    rclass: int = 255,
    data: bytes = b"\x0bhmac-sha256\0" + bytes(6) + b"\1\x2c\0\2ab\x12\x34\0\0\0\0",
) -> bytes:
    """A TSIG record."""
    return owner + pack(">HHIH", 250, rclass, 0, len(data)) + data


SIGNED = head(ar=1) + QUESTION + tsig()

MALFORMED_TSIG = [
    ("not the last record", head(ar=2) + QUESTION + tsig() + opt()),
    ("twice", head(ar=2) + QUESTION + tsig() + tsig()),
    ("in the answer section", head(an=1) + QUESTION + tsig()),
    ("in the authority section", head(ns=1) + QUESTION + tsig()),
    ("of class IN", head(ar=1) + QUESTION + tsig(rclass=1)),
    ("whose owner points at itself", head(ar=1) + QUESTION + tsig(owner=b"\xc0\x25")),
    ("whose owner points forward", head(ar=1) + QUESTION + tsig(owner=b"\xc0\x28")),
    ("whose owner is too long", head(ar=1) + QUESTION + tsig(owner=b"\x3f" + b"x" * 63 + TOO_LONG)),
    ("without data", head(ar=1) + QUESTION + tsig(data=b"")),
    ("of three bytes", head(ar=1) + QUESTION + tsig(data=b"\1x\0")),
    ("whose MAC is longer", head(ar=1) + QUESTION + tsig(data=b"\0" + bytes(8) + b"\xff\xff")),
    ("whose end is missing", head(ar=1) + QUESTION + tsig(data=b"\0" + bytes(12))),
    ("with bytes after its data", head(ar=1) + QUESTION + tsig(data=b"\0" + bytes(17))),
    ("whose algorithm is compressed", head(ar=1) + QUESTION + tsig(data=b"\xc0\x0c" + bytes(16))),
]


@pytest.mark.parametrize("packet", [pytest.param(p, id=what) for what, p in MALFORMED_TSIG])
def test_a_malformed_tsig_record_gets_formerr(packet: bytes) -> None:
    fault = read_query(packet)
    assert isinstance(fault, Faulty)
    assert (fault.rcode, fault.question, fault.tsig) == (1, QUESTION, b"")


def test_a_signed_query_gets_badkey() -> None:
    """No key is known; dnspython reads the same from the reply."""
    fault = read_query(head(ar=2) + QUESTION + opt() + tsig())
    assert isinstance(fault, Faulty)
    assert (fault.rcode, fault.question, fault.edns) == (9, QUESTION, Edns(1232, 0, False))
    message = write_fault(fault)
    assert (message[3] & 0xF, message[10:12]) == (9, b"\0\2")
    with pytest.raises(dns.tsig.PeerBadKey):
        dns.message.from_wire(
            message,
            keyring={dns.name.from_text("key"): b"secret"},
            request_mac=b"ab",
        )


def test_names_that_are_too_long_for_a_reply_over_udp_are_not_repeated() -> None:
    fault = read_query(head(ar=1) + QUESTION + tsig(owner=LONGEST))
    assert isinstance(fault, Faulty)
    assert (fault.rcode, fault.tsig) == (9, b"")


ECHOED = [
    ("a byte after the question", PLAIN + b"\0", QUESTION, None),
    ("a byte after OPT", AFTER_OPT, QUESTION, WITH_DO),
    ("a cookie that is too short", b"\0\x0a\0\7abcdefg", QUESTION, Edns(1232, 0, False)),
    ("an empty cookie", b"\0\x0a\0\0", QUESTION, Edns(1232, 0, False)),
    ("a client subnet that is cut short", b"\0\x08\0\1\0", QUESTION, Edns(1232, 0, False)),
    ("an option longer than OPT", b"\0\3\0\1", QUESTION, Edns(1232, 0, False)),
    ("half an option", b"\0\3", QUESTION, Edns(1232, 0, False)),
    ("two OPT", head(ar=2) + QUESTION + opt(COOKIE, ttl=0x8000) + opt(), QUESTION, WITH_DO),
    ("OPT in the answer section", head(an=1) + QUESTION + opt(), QUESTION, None),
    ("OPT whose owner is not the root", head(ar=1) + QUESTION + opt(owner=NAME), QUESTION, None),
    ("OPT longer than the message", head(ar=1) + QUESTION + opt(length=1), QUESTION, None),
    ("OPT, and a record cut short", head(ar=2) + QUESTION + opt() + RECORD[:-1], QUESTION, EDNS),
    ("33 records", head(ar=33) + QUESTION + opt() + RECORD * 32, QUESTION, EDNS),
    ("33 records announced, none there", head(ar=33) + QUESTION, QUESTION, None),
    ("no question, but EDNS", head(qd=0, ar=1) + opt(), b"", EDNS),
    ("no question, and a bad cookie", head(qd=0, ar=1) + opt(b"\0\x0a\0\1x"), b"", EDNS),
    ("two questions", head(qd=2) + QUESTION * 2, b"", None),
    ("a question cut short", PLAIN[:-1], b"", None),
    ("another opcode, whose format may be anything", head(0x1000) + QUESTION, b"", None),
]
"""What is wrong, a packet or the options of one, and what is read of it nevertheless."""


@pytest.mark.parametrize(
    ("packet", "question", "edns"), [pytest.param(p, q, e, id=what) for what, p, q, e in ECHOED]
)
def test_question_and_edns_of_a_malformed_query_are_read_as_far_as_possible(
    packet: bytes, question: bytes, edns: Edns | bytes | None
) -> None:
    """A resolver may drop a reply without its question, and without OPT believes in no EDNS."""
    if len(packet) < 12:
        packet = head(ar=1) + QUESTION + opt(packet)
    fault = read_query(packet)
    assert isinstance(fault, Faulty)
    expected = Edns(1232, 0, False) if edns == EDNS else edns
    assert (fault.question, fault.edns) == (question, expected)


def test_the_last_option_that_is_read_must_end_within_opt() -> None:
    packet = head(ar=1) + QUESTION + opt(b"\xfd\xe9\0\0" * 1023 + b"\0\3\0\1")
    assert isinstance(read_query(packet), Faulty)


def test_a_query_without_a_question_and_of_a_later_version_gets_badvers() -> None:
    fault = read_query(head(qd=0, ar=1) + opt(COOKIE, ttl=1 << 16))
    assert isinstance(fault, Faulty)
    assert (fault.rcode, fault.edns is not None) == (16, True)


@pytest.mark.parametrize("packet", [pytest.param(p, id=what) for what, p in IGNORED])
def test_responses_and_incomplete_headers_get_no_reply(packet: bytes) -> None:
    """Servers never answer each other's replies."""
    assert isinstance(read_query(packet), Ignored)


def test_there_are_enough_odd_packets() -> None:
    """The tables above have at least 90 cases of packets that servers on the Internet receive."""
    assert len(QUERIES) + len(FAULTS) + len(IGNORED) >= 90


@pytest.mark.parametrize(
    "whole",
    [
        PLAIN,
        EDNS,
        head(ar=1) + QUESTION + opt(b"\0\x0a\0\x08abcdefgh"),
        head(an=1) + QUESTION + RECORD,
    ],
    ids=["a plain query", "with EDNS", "with an option", "with an answer"],
)
def test_a_query_cut_short_anywhere_is_malformed(whole: bytes) -> None:
    """A truncated query gets FORMERR, or no reply if its header is incomplete."""
    for size in range(len(whole)):
        expected = Ignored if size < 12 else Faulty
        assert isinstance(read_query(whole[:size]), expected), f"cut to {size} bytes"
    assert isinstance(read_query(whole), Query)


@given(st.binary(max_size=300) | st.builds(bytes.__add__, st.just(head()), st.binary()))
def test_any_bytes_are_a_query_a_fault_or_ignored(packet: bytes) -> None:
    """No input raises an exception."""
    assert isinstance(read_query(packet), Query | Faulty | Ignored)


names = st.lists(st.binary(min_size=1, max_size=63), max_size=6).filter(
    lambda labels: sum(map(len, labels)) + len(labels) < 255
)


@st.composite
def messages(draw: st.DrawFn) -> dns.message.QueryMessage:
    """Draw a query made by dnspython."""
    message = dns.message.QueryMessage(draw(st.integers(0, 0xFFFF)))
    message.flags = dns.flags.Flag(draw(st.sampled_from([0, 0x0100, 0x0110, 0x0130])))
    rtype = dns.rdatatype.RdataType.make(draw(st.integers(0, 0xFFFF)))
    owner = dns.name.Name([*draw(names), b""])
    rclass = dns.rdataclass.RdataClass.make(draw(st.integers(0, 0xFFFF)))
    message.find_rrset(message.question, owner, rclass, rtype, create=True, force_unique=True)
    if draw(st.booleans()):
        options = draw(st.lists(st.tuples(st.integers(100, 65535), st.binary(max_size=20))))
        message.use_edns(
            draw(st.integers(0, 255)),
            draw(st.integers(0, 0xFFFF)),
            draw(st.integers(0, 65535)),
            options=[
                dns.edns.GenericOption(dns.edns.OptionType.make(code), data)
                for code, data in options
            ],
        )
    return message


@given(messages())
def test_queries_written_by_dnspython_are_read_the_same(message: dns.message.QueryMessage) -> None:
    """Id, RD, question and EDNS are those that dnspython was given."""
    query = read_query(message.to_wire(max_size=65535))
    assert isinstance(query, Query)
    [question] = message.question
    assert (query.id, query.recursion_desired) == (message.id, bool(message.flags & 0x0100))
    assert query.name.wire == question.name.canonicalize().to_wire()
    assert (query.qtype, query.qclass) == (question.rdtype, question.rdclass)
    assert question.name.to_wire() == query.question[:-4]
    if message.edns < 0:
        assert query.edns is None
    else:
        size = max(message.payload, 512)
        assert query.edns == Edns(size, message.edns, bool(message.ednsflags & 0x8000))


@given(messages(), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=5))
@example(dns.message.make_query("www.failover.test", "A", use_edns=0), [])
def test_a_damaged_query_is_a_query_a_fault_or_ignored(
    message: dns.message.QueryMessage, damage: list[tuple[int, int]]
) -> None:
    """No change of bytes in a query makes the reader raise an exception."""
    packet = bytearray(message.to_wire(max_size=65535))
    for at, value in damage:
        packet[at % len(packet)] = value
    assert isinstance(read_query(bytes(packet)), Query | Faulty | Ignored)


KEYS = frozenset((b"\3key\0", b"\3xfr\10failover\4test\0"))
POINTED = b"\3XfR\xc0\x10"
"""The second key, compressed against the question, as dnspython writes it."""

KNOWN = [
    ("a query", head(ar=1) + QUESTION + tsig(), 0, b"\3key\0", None),
    ("in capitals", head(ar=1) + QUESTION + tsig(owner=b"\3KEY\0"), 0, b"\3key\0", None),
    (
        "a compressed key",
        head(ar=1) + QUESTION + tsig(owner=POINTED),
        0,
        b"\3xfr\10failover\4test\0",
        None,
    ),
    (
        "with EDNS",
        head(ar=2) + QUESTION + opt() + tsig(),
        0,
        b"\3key\0",
        Edns(1232, 0, False),
    ),
    ("IXFR", head(ns=1, ar=1) + QUESTION + RECORD + tsig(), 0, b"\3key\0", None),
    ("an update", head(0x2800, ns=1, ar=1) + ZONE + RECORD + tsig(), 5, b"\3key\0", None),
    (
        "an update of 33 records",
        head(0x2800, ns=33, ar=1) + ZONE + RECORD * 33 + tsig(),
        5,
        b"\3key\0",
        None,
    ),
    (
        "an update of 3,000 records with a compressed key",
        head(0x2800, ns=3000, ar=1) + ZONE + RECORD * 3000 + tsig(owner=b"\3xfr\xc0\x0c"),
        5,
        b"\3xfr\10failover\4test\0",
        None,
    ),
]


@pytest.mark.parametrize(
    ("packet", "opcode", "key", "edns"),
    [pytest.param(p, o, k, e, id=what) for what, p, o, k, e in KNOWN],
)
def test_what_names_a_known_key_is_left_to_whoever_has_the_key(
    packet: bytes, opcode: int, key: bytes, edns: Edns | None
) -> None:
    """The name may be in capitals, or compressed; the signature is not looked at."""
    signed = read_query(packet, KEYS)
    question = ZONE if opcode else QUESTION
    assert signed == Signed(ID, opcode, not opcode, question, edns, key)


@pytest.mark.parametrize("packet", [pytest.param(p, id=what) for what, p in MALFORMED_TSIG])
def test_a_malformed_record_of_a_known_key_gets_formerr(packet: bytes) -> None:
    """It goes nowhere."""
    fault = read_query(packet, KEYS)
    assert isinstance(fault, Faulty)
    assert fault.rcode == 1


def test_an_update_without_a_known_key_is_read_with_its_zone() -> None:
    """However many records it has: nobody counts them."""
    for count in (0, 32, 33, 5000):
        packet = head(0x2800, ns=count) + ZONE + RECORD * count
        update = read_query(packet, KEYS)
        assert isinstance(update, Update)
        assert (update.question, update.name.to_text(), update.qclass) == (
            ZONE,
            "failover.test",
            1,
        )
    other = head(0x2800, ns=33, ar=1) + ZONE + RECORD * 33 + tsig(owner=b"\4else\0")
    assert isinstance(read_query(other, KEYS), Update)
    elsewhere = tsig(owner=b"\3xfr\xc0\x15")  # below "test", and not below "failover.test"
    below = head(0x2800, ns=33, ar=1) + ZONE + RECORD * 33 + elsewhere
    assert isinstance(read_query(below, KEYS), Update)
    few = read_query(head(0x2800, ar=1) + ZONE + tsig(owner=b"\4else\0"), KEYS)
    assert isinstance(few, Faulty)
    assert (few.rcode, bool(few.tsig), few.question) == (9, True, ZONE)


def test_a_notification_is_not_implemented_even_if_it_is_signed() -> None:
    """This server is the secondary of nobody."""
    fault = read_query(head(0x2400, ar=1) + ZONE + tsig(), KEYS)
    assert isinstance(fault, Faulty)
    assert (fault.opcode, fault.rcode, fault.question) == (4, 4, b"")


@settings(max_examples=60)
@given(st.binary(max_size=120), st.sampled_from([0x0100, 0x2800]), st.integers(0, 40))
def test_arbitrary_bytes_before_a_signature_never_raise(
    data: bytes, flags: int, records: int
) -> None:
    """Neither do bytes that look like the end of a signed message."""
    for tail in (tsig(), tsig(owner=POINTED), tsig(owner=data[:9]), data):
        found = read_query(head(flags, ns=records, ar=1) + ZONE + data + tail, KEYS)
        assert isinstance(found, Faulty | Signed | Update | Query | Unasked)
