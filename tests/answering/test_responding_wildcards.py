"""Wildcards answer as in the examples of RFC 4592."""

from __future__ import annotations

import pytest
from tables import ask, flags_of, lines, query, table_of, zone

RFC4592 = table_of(
    zone(
        "example.test",
        """\
@ 3600 MX 10 host1
* TXT "this is a wildcard"
* MX 10 host1
sub.* TXT "this is not a wildcard"
host1 A 192.0.2.1
_ssh._tcp.host1 SRV 0 0 22 host1
_ssh._tcp.host2 SRV 0 0 22 host1
subdel NS ns.example.com.
subdel NS ns.example.net.
*.web CNAME host1
*.gone CNAME nowhere.host1
*.far CNAME lb.example.net.
""",
    )
)
TEXT = ['{} 60 IN TXT "this is a wildcard"']
WILDCARDS = [
    ("RFC 4592: host3 MX is synthesized", "host3", "MX", ["{} 60 IN MX 10 host1.example.test."], 0),
    ("RFC 4592: host3 A is NODATA", "host3", "A", [], 0),
    ("RFC 4592: foo.bar TXT is synthesized", "foo.bar", "TXT", TEXT, 0),
    ("RFC 4592: host1 MX exists, so NODATA", "host1", "MX", [], 0),
    ("RFC 4592: sub.* MX exists, so NODATA", "sub.*", "MX", [], 0),
    ("RFC 4592: below host1 is NXDOMAIN", "_telnet._tcp.host1", "SRV", [], 3),
    ("RFC 4592: ghost.* has another encloser", "ghost.*", "MX", [], 3),
    ("host2 is an empty non-terminal", "host2", "TXT", [], 0),
    ("an asterisk can be asked for", "*", "TXT", TEXT, 0),
    ("an asterisk in the question is not a wildcard", "*.host1", "A", [], 3),
    ("ANY gives one RRset", "host3", "ANY", TEXT, 0),
    (
        "a wildcard CNAME is followed",
        "any.web",
        "A",
        ["{} 60 IN CNAME host1.example.test.", "host1.example.test. 60 IN A 192.0.2.1"],
        0,
    ),
    ("the parent of a wildcard is NODATA", "web", "A", [], 0),
    (
        "a wildcard CNAME into NXDOMAIN",
        "x.gone",
        "A",
        ["{} 60 IN CNAME nowhere.host1.example.test."],
        3,
    ),
    ("a wildcard CNAME out of the zone", "x.y.far", "A", ["{} 60 IN CNAME lb.example.net."], 0),
]


@pytest.mark.parametrize(
    ("owner", "rtype", "answer", "rcode"), [pytest.param(*c[1:], id=c[0]) for c in WILDCARDS]
)
def test_wildcards_answer_as_in_rfc_4592(
    owner: str, rtype: str, answer: list[str], rcode: int
) -> None:
    """A name that does not exist is answered from the wildcard of its closest encloser only."""
    full = owner + ".example.test."
    reply = ask(RFC4592, query(full, rtype))
    assert (lines(reply.answer), reply.rcode()) == ([line.format(full) for line in answer], rcode)
    is_negative = not answer or rcode != 0
    assert bool(reply.authority) == is_negative
    assert flags_of(reply) == "QR AA RD"


def test_below_a_delegation_no_wildcard_answers() -> None:
    """RFC 4592: host.subdel gets a referral to the servers of subdel."""
    reply = ask(RFC4592, query("host.subdel.example.test", "A"))
    assert not reply.answer
    assert [rrset.name.to_text() for rrset in reply.authority] == ["subdel.example.test."]
