"""Replies are counted by transport and RCODE, the bits in the OPT record included."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest

from failoverdns.answering.counting import NAMES, ReplyCounts, flat, flat_native, rcode_name


def reply(rcode: dns.rcode.Rcode, *, edns: bool = False, question: bool = True) -> bytes:
    """Return a reply that dnspython writes."""
    query = dns.message.make_query("shop.failover.test", "A")
    if not question:
        query.question = []
    message = dns.message.make_response(query)
    if edns:
        message.use_edns(0)
    message.set_rcode(rcode)
    return message.to_wire()


@pytest.mark.parametrize("question", [True, False], ids=["question", "no question"])
@pytest.mark.parametrize(
    ("name", "edns"),
    [
        ("NOERROR", False),
        ("NOERROR", True),
        ("NXDOMAIN", False),
        ("NXDOMAIN", True),
        ("YXRRSET", False),
        ("YXRRSET", True),
        ("BADVERS", True),
        ("BADCOOKIE", True),
    ],
)
def test_the_rcode_of_a_reply_has_its_name(name: str, edns: bool, question: bool) -> None:
    """As an independent implementation writes them."""
    rcode = dns.rcode.from_text(name)
    assert rcode_name(reply(rcode, edns=edns, question=question)) == name


def test_an_rcode_without_a_name_is_another_one() -> None:
    assert rcode_name(reply(dns.rcode.Rcode(11))) == "OTHER"
    assert rcode_name(reply(dns.rcode.Rcode(16 + 7 + 16), edns=True)) == "OTHER"


def test_a_reply_of_a_header_alone_is_counted() -> None:
    """An answer to a message that could not be read."""
    assert rcode_name(b"\0\1\x80\1" + bytes(8)) == "FORMERR"
    assert rcode_name(b"\0\1\x80\0" + bytes(7) + b"\1") == "NOERROR"


def test_counts_have_known_names_only() -> None:
    """So that the control process can check them."""
    counts = ReplyCounts()
    for rcode in range(16):
        counts.note(reply(dns.rcode.Rcode(rcode)))
    truncated = dns.message.from_wire(reply(dns.rcode.NOERROR))
    truncated.flags |= dns.flags.TC
    counts.note(truncated.to_wire())
    for transport in ("udp", "tcp", "tls"):
        found = flat(transport, counts)
        assert found.keys() <= NAMES
        assert found[f"truncated.{transport}"] == 1
        assert found[f"queries.{transport}.NOERROR"] == 2


def test_counts_of_the_code_in_c_have_the_same_names() -> None:
    """Its number 7 is BADCOOKIE: it writes no YXRRSET."""
    found = flat_native((*range(10, 26),), 3, 4)
    assert found.keys() <= NAMES
    assert found["queries.udp.NOERROR"] == 10
    assert found["queries.udp.NXDOMAIN"] == 13
    assert found["queries.udp.BADCOOKIE"] == 17
    assert (found["truncated.udp"], found["ignored.udp"]) == (3, 4)
