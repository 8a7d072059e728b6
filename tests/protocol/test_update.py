"""Messages of dynamic update are read as RFC 2136 has them, or refused with its response codes."""

from __future__ import annotations

import time
from contextlib import suppress
from struct import pack

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.update
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.model.zone_update import (
    Action,
    Condition,
    Instruction,
    NotUpdated,
    Prerequisite,
    ZoneUpdate,
)
from failoverdns.protocol.update import MAX_RECORDS, read_update, update_reply

ZONE = b"\4test\0"
IN, NONE, ANY = 1, 254, 255
A, CNAME, SOA, MX, TXT = 1, 5, 6, 15, 16


def record(
    rtype: int, rclass: int, ttl: int = 0, data: bytes = b"", owner: bytes = b"\1a\xc0\x0c"
) -> bytes:
    return owner + pack(">HHIH", rtype, rclass, ttl, len(data)) + data


def message(
    *updates: bytes,
    prerequisites: tuple[bytes, ...] = (),
    additional: tuple[bytes, ...] = (),
    zone: bytes = ZONE + pack(">HH", SOA, IN),
    zones: int = 1,
    end: bytes = b"",
) -> bytes:
    counts = zones, len(prerequisites), len(updates), len(additional)
    head = pack(">HHHHHH", 7, 5 << 11, *counts)
    return head + zone + b"".join((*prerequisites, *updates, *additional)) + end


OWNER = DomainName(b"\1a\4test\0")
ADDRESS = bytes((192, 0, 2, 1))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (record(255, ANY), Prerequisite(Condition.NAME_IN_USE, OWNER)),
        (record(255, NONE), Prerequisite(Condition.NAME_NOT_IN_USE, OWNER)),
        (record(A, ANY), Prerequisite(Condition.RRSET_EXISTS, OWNER, A)),
        (record(A, NONE), Prerequisite(Condition.RRSET_ABSENT, OWNER, A)),
        (record(A, IN, data=ADDRESS), Prerequisite(Condition.RRSET_IS, OWNER, A, ADDRESS)),
    ],
)
def test_prerequisites_are_read(written: bytes, expected: Prerequisite) -> None:
    """RFC 2136 section 2.4 has five forms."""
    assert read_update(message(prerequisites=(written,))).prerequisites == (expected,)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (record(A, IN, 300, ADDRESS), Instruction(Action.ADD, OWNER, A, 300, ADDRESS)),
        (record(A, NONE, 0, ADDRESS), Instruction(Action.DELETE_RECORD, OWNER, A, 0, ADDRESS)),
        (record(A, ANY), Instruction(Action.DELETE_RRSET, OWNER, A)),
        (record(255, ANY), Instruction(Action.DELETE_NAME, OWNER)),
        pytest.param(
            record(MX, IN, 5, b"\0\7\1M\xc0\x0c"),
            Instruction(Action.ADD, OWNER, MX, 5, b"\0\7\1m\4test\0"),
            id="a name in data is expanded, and in lower case",
        ),
        pytest.param(
            record(A, IN, 1 << 31, ADDRESS),
            Instruction(Action.ADD, OWNER, A, 0, ADDRESS),
            id="a TTL with its highest bit set counts as 0 (RFC 2181 section 8)",
        ),
        pytest.param(
            record(65280, IN, 5, b"\xc0\x0c"),
            Instruction(Action.ADD, OWNER, 65280, 5, b"\xc0\x0c"),
            id="the data of a type that is not known is bytes",
        ),
    ],
)
def test_instructions_are_read(written: bytes, expected: Instruction) -> None:
    """RFC 2136 section 2.5 has four forms."""
    assert read_update(message(written)).instructions == (expected,)


def test_an_update_that_asks_for_nothing_is_read() -> None:
    assert read_update(message()) == ZoneUpdate(DomainName(ZONE))


ADD = record(A, IN, 300, ADDRESS)

FAULTS = [
    pytest.param(b"", Rcode.FORMERR, id="nothing"),
    pytest.param(message()[:11], Rcode.FORMERR, id="shorter than a header"),
    pytest.param(message(zone=b"", zones=0), Rcode.FORMERR, id="no zone"),
    pytest.param(
        message(zone=(ZONE + pack(">HH", SOA, IN)) * 2, zones=2), Rcode.FORMERR, id="two zones"
    ),
    pytest.param(message(zone=ZONE + pack(">HH", A, IN)), Rcode.FORMERR, id="a zone of type A"),
    pytest.param(message(zone=ZONE + pack(">HH", SOA, 3)), Rcode.NOTAUTH, id="a zone of class CH"),
    pytest.param(message(zone=ZONE + b"\0"), Rcode.FORMERR, id="a zone that is cut short"),
    pytest.param(message(ADD, end=b"\0"), Rcode.FORMERR, id="bytes after the message"),
    pytest.param(message(ADD)[:-1], Rcode.FORMERR, id="cut short"),
    pytest.param(message(record(A, 3, 5, ADDRESS)), Rcode.FORMERR, id="class CH"),
    pytest.param(message(record(A, 0, 5, ADDRESS)), Rcode.FORMERR, id="class 0"),
    pytest.param(message(record(A, IN, 5, ADDRESS[:3])), Rcode.FORMERR, id="half an address"),
    pytest.param(message(record(A, IN, 5)), Rcode.FORMERR, id="an addition without data"),
    pytest.param(message(record(TXT, IN, 5, b"\5abc")), Rcode.FORMERR, id="a long string"),
    pytest.param(message(record(MX, IN, 5, b"\0\1")), Rcode.FORMERR, id="no name"),
    pytest.param(
        message(record(MX, IN, 5, b"\0\1\xff\xff")), Rcode.FORMERR, id="a pointer to nowhere"
    ),
    pytest.param(
        message(record(64, IN, 5, b"\0\1\xc0\x0c")), Rcode.FORMERR, id="a compressed name in SVCB"
    ),
    pytest.param(message(record(255, IN, 5, b"a")), Rcode.FORMERR, id="adding type ANY"),
    pytest.param(message(record(252, IN, 5, b"a")), Rcode.FORMERR, id="adding type AXFR"),
    pytest.param(message(record(0, IN, 5, b"a")), Rcode.FORMERR, id="adding type 0"),
    pytest.param(message(record(41, IN, 5, b"")), Rcode.FORMERR, id="adding OPT"),
    pytest.param(message(record(252, ANY)), Rcode.FORMERR, id="deleting type AXFR"),
    pytest.param(message(record(255, NONE)), Rcode.FORMERR, id="deleting a record of type ANY"),
    pytest.param(message(record(A, ANY, 1)), Rcode.FORMERR, id="deleting an RRset with a TTL"),
    pytest.param(message(record(A, ANY, 0, ADDRESS)), Rcode.FORMERR, id="deleting with data"),
    pytest.param(message(record(A, NONE, 1, ADDRESS)), Rcode.FORMERR, id="a TTL of a deletion"),
    pytest.param(
        message(prerequisites=(record(A, ANY, 1),)), Rcode.FORMERR, id="prerequisite with a TTL"
    ),
    pytest.param(
        message(prerequisites=(record(A, ANY, 0, ADDRESS),)), Rcode.FORMERR, id="with data"
    ),
    pytest.param(
        message(prerequisites=(record(A, NONE, 0, ADDRESS),)), Rcode.FORMERR, id="absent with data"
    ),
    pytest.param(
        message(prerequisites=(record(A, 3, 0, ADDRESS),)), Rcode.FORMERR, id="of class CH"
    ),
    pytest.param(message(*[ADD] * (MAX_RECORDS + 1)), Rcode.REFUSED, id="too many records"),
    pytest.param(
        pack(">HHHHHH", 7, 5 << 11, 1, 0, 0xFFFF, 0) + ZONE + pack(">HH", SOA, IN),
        Rcode.REFUSED,
        id="65,535 records that are not there",
    ),
]


@pytest.mark.parametrize(("written", "rcode"), FAULTS)
def test_a_message_with_a_fault_gets_the_rcode_of_the_rfc(written: bytes, rcode: Rcode) -> None:
    with pytest.raises(NotUpdated) as refusal:
        read_update(written)
    assert refusal.value.rcode is rcode


def test_a_message_of_the_largest_size_is_read() -> None:
    assert len(read_update(message(*[ADD] * MAX_RECORDS)).instructions) == MAX_RECORDS


@settings(max_examples=60)
@given(st.binary(max_size=200))
@example(message(ADD))
def test_arbitrary_bytes_are_read_or_refused(written: bytes) -> None:
    for packet in (written, message(end=written), message(ADD) + written):
        with suppress(NotUpdated):
            read_update(packet)
        update_reply(packet, Rcode.FORMERR)


TEXTS = [
    ("MX", "10 Mail.failover.test."),
    ("SRV", "0 5 5060 sip.failover.test."),
    ("NAPTR", '100 10 "u" "E2U+sip" "!^.*$!sip:info@example.net!" x.failover.test.'),
    ("RP", "a.failover.test. b.failover.test."),
    ("HTTPS", "1 foo.failover.test. alpn=h2 ipv4hint=192.0.2.1"),
    ("CAA", '0 issue "ca.example.net"'),
    ("TXT", '"a" "b"'),
    ("LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"),
    ("SSHFP", "4 2 " + "ab" * 32),
    ("TLSA", "3 1 1 " + "ab" * 32),
    ("DNAME", "www.Failover.test."),
    ("HIP", "2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9 x.failover.test."),
]


@pytest.mark.parametrize(("rtype", "text"), TEXTS)
def test_data_is_that_which_dnspython_wrote(rtype: str, text: str) -> None:
    """dnspython compresses names in a message, and writes canonical data (RFC 4034 section 6.2)."""
    update = dns.update.UpdateMessage("failover.test")
    update.add("www", 300, rtype, text)
    kind = dns.rdatatype.from_text(rtype)
    rdata = dns.rdata.from_text(dns.rdataclass.IN, kind, text)
    (read,) = read_update(update.to_wire()).instructions
    assert (read.rtype, read.data) == (kind, rdata.to_digestable())


def test_a_message_of_pointers_costs_little() -> None:
    """Each of a thousand records names a name of 250 bytes three times, by pointers."""
    long = b"\1a" * 120 + b"\xc0\x0c"
    at = pack(">H", 0xC000 | len(message()))
    first = record(TXT, IN, 1, b"\1x", owner=long)
    others = [record(SOA, IN, 1, at + at + bytes(20), owner=at)] * (MAX_RECORDS - 1)
    written = message(first, *others)
    began = time.process_time()
    read_update(written)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (message(ADD), pack(">HHHHHH", 7, 0xA805, 1, 0, 0, 0) + ZONE + pack(">HH", SOA, IN)),
        (
            message(ADD, additional=(record(41, 1232, owner=b"\0"),)),
            pack(">HHHHHH", 7, 0xA805, 1, 0, 0, 1)
            + ZONE
            + pack(">HH", SOA, IN)
            + record(41, 1232, owner=b"\0"),
        ),
        (message(zone=b"", zones=0), pack(">HHHHHH", 7, 0xA805, 0, 0, 0, 0)),
        (message(zone=b"\xc0\xff", zones=1), pack(">HHHHHH", 7, 0xA805, 0, 0, 0, 0)),
    ],
)
def test_a_reply_repeats_the_zone_section(written: bytes, expected: bytes) -> None:
    assert update_reply(written, Rcode.REFUSED) == expected
