"""Replies to queries: answers, negative answers, CNAME chains, wildcards, delegations."""

from __future__ import annotations

import pytest
from tables import TCP, addresses, ask, flags_of, lines, node, query, respond, table_of, zone

from failoverdns.model.change import Delta
from failoverdns.protocol.table.deltas import write_delta

FAILOVER = zone(
    "failover.test",
    """\
ns1 3600 A 192.0.2.53
414-262-781 A 192.0.2.10
414-262-781 A 192.0.2.11
414-262-781 AAAA 2001:db8::10
cloud 30 CNAME lb.example.net.
other 30 CNAME www.other.test.
_status.shop-eu TXT "online"
@ 3600 MX 10 mail.example.net.
typed 60 TYPE65280 \\# 4 0a000001
typed 60 CAA 0 issue "ca.example.net"
a.deep.name A 192.0.2.30
c1 CNAME c2
c2 CNAME c3
c3 A 192.0.2.40
to-nothing CNAME nothing
to-nodata CNAME empty
self CNAME self
loop1 CNAME loop2
loop2 CNAME loop3
loop3 CNAME loop1
to-cut CNAME www.child
child 300 NS ns.child
child 300 NS ns.example.net.
child 300 DS 12345 13 2 3490A6806D47F17A34C29E2CE80E8A999FFBE4BE3A5B3F0E3E3E8B3C9A2C9B7D
ns.child 300 A 192.0.2.60
ns.child 300 AAAA 2001:db8::60
deep.child 300 A 192.0.2.61
bare 300 NS ns.example.net.
sibling 300 IN NS ns.child
insecure 300 NS ns1
"""
    + "\n".join(f"n{number} CNAME n{number + 1}" for number in range(20))
    + "\nn20 A 192.0.2.50",
    reserved=["empty", "primary.empty"],
    negative={"empty": 5},
)
TABLE = table_of(FAILOVER, zone("other.test", "www A 192.0.2.99"))
SOA = "failover.test. {} IN SOA ns1.failover.test. hostmaster.failover.test. 1 3600 600 1209600 60"
APEX_NS = "failover.test. 3600 IN NS ns1.failover.test."
SHOP = [
    "414-262-781.failover.test. 60 IN A 192.0.2.10",
    "414-262-781.failover.test. 60 IN A 192.0.2.11",
]
CHILD_NS = [
    "child.failover.test. 300 IN NS ns.child.failover.test.",
    "child.failover.test. 300 IN NS ns.example.net.",
]
GLUE = [
    "ns.child.failover.test. 300 IN A 192.0.2.60",
    "ns.child.failover.test. 300 IN AAAA 2001:db8::60",
]
N = [f"n{k}.failover.test. 60 IN CNAME n{k + 1}.failover.test." for k in range(20)]

FOUND = [
    ("a group, A", "414-262-781", "A", SHOP),
    (
        "a group, AAAA",
        "414-262-781",
        "AAAA",
        ["414-262-781.failover.test. 60 IN AAAA 2001:db8::10"],
    ),
    ("a status", "_status.shop-eu", "TXT", ['_status.shop-eu.failover.test. 60 IN TXT "online"']),
    ("the zone's NS set", "@", "NS", [APEX_NS]),
    ("the zone's SOA", "@", "SOA", [SOA.format(60)]),
    ("another type at the apex", "@", "MX", ["failover.test. 3600 IN MX 10 mail.example.net."]),
    (
        "an unknown type",
        "typed",
        "TYPE65280",
        ["typed.failover.test. 60 IN TYPE65280 \\# 4 0a000001"],
    ),
    (
        "a type above 255",
        "typed",
        "CAA",
        ['typed.failover.test. 60 IN CAA 0 issue "ca.example.net"'],
    ),
    ("ANY at a group: one RRset", "414-262-781", "ANY", SHOP),
    ("ANY at the apex: one RRset", "@", "ANY", [APEX_NS]),
    ("ANY at a CNAME", "c1", "ANY", ["c1.failover.test. 60 IN CNAME c2.failover.test."]),
    ("a CNAME itself", "c1", "CNAME", ["c1.failover.test. 60 IN CNAME c2.failover.test."]),
    (
        "a CNAME out of our zones",
        "cloud",
        "A",
        ["cloud.failover.test. 30 IN CNAME lb.example.net."],
    ),
    (
        "a CNAME into another zone",
        "other",
        "A",
        ["other.failover.test. 30 IN CNAME www.other.test."],
    ),
    (
        "a chain of CNAMEs",
        "c1",
        "A",
        [
            "c1.failover.test. 60 IN CNAME c2.failover.test.",
            "c2.failover.test. 60 IN CNAME c3.failover.test.",
            "c3.failover.test. 60 IN A 192.0.2.40",
        ],
    ),
    ("a CNAME to itself", "self", "A", ["self.failover.test. 60 IN CNAME self.failover.test."]),
    (
        "a loop of CNAMEs",
        "loop2",
        "A",
        [
            "loop2.failover.test. 60 IN CNAME loop3.failover.test.",
            "loop3.failover.test. 60 IN CNAME loop1.failover.test.",
            "loop1.failover.test. 60 IN CNAME loop2.failover.test.",
        ],
    ),
    ("the first 16 of a chain of 20", "n0", "A", N[:16]),
    ("a chain of 15 to its end", "n5", "A", [*N[5:], "n20.failover.test. 60 IN A 192.0.2.50"]),
    ("a chain of 16 without its end", "n4", "A", N[4:]),
    (
        "DS at a zone cut",
        "child",
        "DS",
        [
            "child.failover.test. 300 IN DS 12345 13 2 "
            "3490a6806d47f17a34c29e2ce80e8a999ffbe4be3a5b3f0e3e3e8b3c9a2c9b7d"
        ],
    ),
]

NEGATIVE = [
    ("a type that a group does not have", "414-262-781", "TXT", "NOERROR", 60, []),
    ("an unassigned type", "414-262-781", "TYPE65281", "NOERROR", 60, []),
    ("a reserved name", "empty", "A", "NOERROR", 5, []),
    ("a name below a reserved name", "primary.empty", "A", "NOERROR", 60, []),
    ("any type at a reserved name", "empty", "ANY", "NOERROR", 5, []),
    ("an empty non-terminal", "deep.name", "A", "NOERROR", 60, []),
    ("another one", "name", "TXT", "NOERROR", 60, []),
    ("ANY at an empty non-terminal", "name", "ANY", "NOERROR", 60, []),
    ("a name that does not exist", "nothing", "A", "NXDOMAIN", 60, []),
    ("a name below a name with data", "www.c3", "A", "NXDOMAIN", 60, []),
    ("a name beside an empty non-terminal's child", "b.deep.name", "A", "NXDOMAIN", 60, []),
    ("ANY at a name that does not exist", "nothing", "ANY", "NXDOMAIN", 60, []),
    ("a name below a CNAME", "www.cloud", "A", "NXDOMAIN", 60, []),
    ("DS at an insecure delegation", "bare", "DS", "NOERROR", 60, []),
    ("DS at the apex", "@", "DS", "NOERROR", 60, []),
    (
        "a CNAME to a name that does not exist",
        "to-nothing",
        "A",
        "NXDOMAIN",
        60,
        ["to-nothing.failover.test. 60 IN CNAME nothing.failover.test."],
    ),
    (
        "a CNAME to a reserved name",
        "to-nodata",
        "A",
        "NOERROR",
        5,
        ["to-nodata.failover.test. 60 IN CNAME empty.failover.test."],
    ),
    (
        "a chain to a name without that type",
        "c2",
        "AAAA",
        "NOERROR",
        60,
        ["c2.failover.test. 60 IN CNAME c3.failover.test."],
    ),
]

REFERRALS = [
    ("a zone cut", "child", "A", [], CHILD_NS, GLUE),
    ("NS at a zone cut", "child", "NS", [], CHILD_NS, GLUE),
    ("ANY at a zone cut", "child", "ANY", [], CHILD_NS, GLUE),
    ("a name below a zone cut", "x.y.child", "A", [], CHILD_NS, GLUE),
    ("DS below a zone cut", "x.child", "DS", [], CHILD_NS, GLUE),
    ("glue is not an answer", "ns.child", "A", [], CHILD_NS, GLUE),
    (
        "a delegation to servers elsewhere has no glue",
        "www.bare",
        "A",
        [],
        ["bare.failover.test. 300 IN NS ns.example.net."],
        [],
    ),
    (
        "authoritative addresses are not glue",
        "www.insecure",
        "A",
        [],
        ["insecure.failover.test. 300 IN NS ns1.failover.test."],
        [],
    ),
    (
        "an address below another zone cut is glue, too",
        "www.sibling",
        "A",
        [],
        ["sibling.failover.test. 300 IN NS ns.child.failover.test."],
        GLUE,
    ),
    (
        "a CNAME to a name below a zone cut",
        "to-cut",
        "A",
        ["to-cut.failover.test. 60 IN CNAME www.child.failover.test."],
        CHILD_NS,
        GLUE,
    ),
]


def absolute(owner: str) -> str:
    """Return a name of the zone above as an absolute name."""
    return "failover.test." if owner == "@" else owner + ".failover.test."


@pytest.mark.parametrize(
    ("owner", "rtype", "answer"), [pytest.param(*case[1:], id=case[0]) for case in FOUND]
)
def test_a_query_is_answered_with_the_records_of_its_name(
    owner: str, rtype: str, answer: list[str]
) -> None:
    """The answer has exactly the records of the zone, each once, and is authoritative."""
    question = query(absolute(owner), rtype)
    wire = respond(TABLE, question.to_wire(), TCP)
    assert wire is not None
    assert int.from_bytes(wire[6:8], "big") == len(answer)
    reply = ask(TABLE, question, udp=False)
    assert sorted(lines(reply.answer)) == sorted(answer)
    assert (reply.rcode(), reply.authority, reply.additional) == (0, [], [])
    assert flags_of(reply) == "QR AA RD"


@pytest.mark.parametrize(
    ("owner", "rtype", "rcode", "ttl", "answer"),
    [pytest.param(*case[1:], id=case[0]) for case in NEGATIVE],
)
def test_a_negative_answer_has_the_soa_with_the_negative_ttl_of_the_name(
    owner: str, rtype: str, rcode: str, ttl: int, answer: list[str]
) -> None:
    """NXDOMAIN only if the name does not exist, else NODATA."""
    reply = ask(TABLE, query(absolute(owner), rtype))
    assert reply.rcode().name == rcode
    assert lines(reply.answer) == answer
    assert lines(reply.authority) == [SOA.format(ttl)]
    assert (reply.additional, flags_of(reply)) == ([], "QR AA RD")


@pytest.mark.parametrize(
    ("owner", "rtype", "answer", "nameservers", "glue"),
    [pytest.param(*case[1:], id=case[0]) for case in REFERRALS],
)
def test_a_query_below_a_delegation_gets_a_referral(
    owner: str, rtype: str, answer: list[str], nameservers: list[str], glue: list[str]
) -> None:
    """A referral has the NS set and the addresses inside the child; it is not authoritative."""
    reply = ask(TABLE, query(absolute(owner), rtype))
    assert reply.rcode() == 0
    assert lines(reply.answer) == answer
    assert sorted(lines(reply.authority)) == nameservers
    assert lines(reply.additional) == glue
    assert flags_of(reply) == ("QR AA RD" if answer else "QR RD")


def test_a_switch_is_seen_by_the_next_query() -> None:
    """After a delta was applied, no answer is the old one."""
    table = table_of(FAILOVER)
    changed = node("414-262-781.failover.test", "failover.test", addresses("192.0.2.77"))
    table.apply(write_delta(Delta(nodes=(changed,))))
    reply = ask(table, query("414-262-781.failover.test"))
    assert lines(reply.answer) == ["414-262-781.failover.test. 60 IN A 192.0.2.77"]
