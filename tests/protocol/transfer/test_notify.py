"""NOTIFY, SOA queries and their replies are those that dnspython reads and writes."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transferred import ZONE, soa_record

from failoverdns.model.errors import Malformed
from failoverdns.protocol.transfer.notify import (
    MOST_ANSWERS,
    SecondaryReply,
    notify,
    read_reply,
    soa_query,
)

NS = "failover.test. 60 IN NS ns1.failover.test."


def reply(text: str = "", **changes: object) -> dns.message.Message:
    """Return the reply to an SOA query, with records in its answer section."""
    made = dns.message.make_response(dns.message.from_wire(soa_query(ZONE.wire, 7)))
    made.flags |= dns.flags.AA
    for line in filter(None, text.split("\n")):
        owner, ttl, rclass, rtype, data = line.split(" ", 4)
        made.answer.append(dns.rrset.from_text(owner, int(ttl), rclass, rtype, data))
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def soa(serial: int, owner: str = "failover.test.") -> str:
    return f"{owner} 60 IN SOA ns1.failover.test. ops.failover.test. {serial} 1 2 3 4"


def test_notify_has_the_soa_record_in_its_answer_section() -> None:
    message = dns.message.from_wire(notify(ZONE.wire, soa_record(2026), 513))
    assert message.opcode() == dns.opcode.NOTIFY
    assert (message.id, message.flags & dns.flags.AA) == (513, dns.flags.AA)
    assert [rrset.to_text() for rrset in message.question] == ["failover.test. IN SOA"]
    (answer,) = message.answer
    assert answer.to_text() == (
        "failover.test. 60 IN SOA ns1.failover.test. ops.failover.test. 2026 300 60 1209600 60"
    )


def test_an_soa_query_asks_for_the_zone_without_recursion() -> None:
    message = dns.message.from_wire(soa_query(ZONE.wire, 7))
    assert (message.id, message.flags) == (7, 0)
    assert [rrset.to_text() for rrset in message.question] == ["failover.test. IN SOA"]


def test_the_serial_of_a_secondary_is_read() -> None:
    made = reply(soa(4294967295))
    assert read_reply(made.to_wire()) == SecondaryReply(7, 0, 0, True, ZONE.wire, 4294967295)


def test_an_soa_record_after_others_is_found() -> None:
    assert read_reply(reply(f"{NS}\n{soa(9)}").to_wire()).serial == 9


def test_few_answers_are_read() -> None:
    """A secondary that is not what it should be costs no more than others."""
    for count, found in ((MOST_ANSWERS - 1, 9), (MOST_ANSWERS, None)):
        names = "\n".join(f"n{number}.test. 60 IN A 192.0.2.1" for number in range(count))
        assert read_reply(reply(f"{names}\n{soa(9)}").to_wire()).serial == found


@pytest.mark.parametrize("text", ["", NS, soa(9, "other.test.")])
def test_a_reply_without_the_soa_record_of_the_zone_has_no_serial(text: str) -> None:
    assert read_reply(reply(text).to_wire()).serial is None


def test_a_refusal_is_read() -> None:
    made = reply()
    made.set_rcode(dns.rcode.REFUSED)
    assert read_reply(made.to_wire()).rcode == 5


def test_the_acknowledgement_of_notify_is_read() -> None:
    made = dns.message.make_response(dns.message.from_wire(notify(ZONE.wire, soa_record(1), 8)))
    found = read_reply(made.to_wire())
    assert (found.id, found.opcode, found.rcode, found.origin) == (8, 4, 0, ZONE.wire)


def test_a_reply_without_a_question_is_read() -> None:
    """Servers that do not know the opcode reply with a header."""
    assert read_reply(b"\0\7\xa0\4" + bytes(8)) == SecondaryReply(7, 4, 4, False, None, None)


HEAD = b"\0\7\x84\0\0\1\0\1\0\0\0\0" + ZONE.wire + b"\0\6\0\1"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"\0\7\x84", "shorter than a header"),
        (soa_query(ZONE.wire, 7), "not a response"),
        (b"\0\7\x80\0\0\2" + bytes(6), "2 questions"),
        (HEAD[:-3] + b"\1\0\1", "another type or class"),
        (HEAD[:-1] + b"\3", "another type or class"),
        (HEAD, "cut short"),
        (HEAD + b"\xc0\x0c\0\6", "cut short"),
        (HEAD + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4abc", "cut short"),
        (HEAD + b"\xc0\x0c\0\6\0\1\0\0\0\0\0\3\0\0a", "another length"),
        (HEAD + b"\xc0\xff\0\1\0\1\0\0\0\0\0\0", "pointer"),
    ],
)
def test_another_reply_is_malformed(message: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read_reply(message)


@settings(max_examples=60)
@given(st.binary(max_size=80), st.booleans())
def test_arbitrary_bytes_are_malformed_at_most(data: bytes, is_after_question: bool) -> None:
    try:
        read_reply(HEAD + data if is_after_question else data)
    except Malformed:
        return
