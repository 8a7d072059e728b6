"""Rate limiting of replies: which replies are counted together, and which are never limited."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import TCP, UDP, answer_settings, query, respond, table_of, zone

from failoverdns.answering.limiting import RateLimiter
from failoverdns.answering.settings import AnswerSettings
from failoverdns.model.limits import RateLimits
from failoverdns.protocol.cookies import CookieSecrets, make_cookie

TABLE = table_of(
    zone("failover.test", "shop A 192.0.2.10\nother A 192.0.2.11\n*.wild A 192.0.2.12\n")
)
SECRETS = CookieSecrets((b"0123456789abcdef",))
ADDRESS = bytes(4)


def limited(slip: int = 0, rate: int = 1) -> AnswerSettings:
    """Return settings with a limit of one reply a second for everything."""
    return answer_settings(
        SECRETS, b"x" * 255, limiter=RateLimiter(RateLimits(rate, rate, rate, slip=slip))
    )


def asked(qname: str, rtype: str = "A", cookie: bytes | None = None, rclass: str = "IN") -> bytes:
    """Return a query as bytes, with a cookie if given."""
    message = query(qname, rtype, rclass)
    if cookie is not None:
        options = [dns.edns.GenericOption(10, cookie), dns.edns.GenericOption(3, b"")]
        message.use_edns(0, 0, 1232, options=options)
    return message.to_wire()


TOGETHER = [
    ("shop.failover.test", "shop.failover.test", "A", True),
    ("shop.failover.test", "SHOP.failover.test", "A", True),
    ("shop.failover.test", "other.failover.test", "A", False),
    ("shop.failover.test", "shop.failover.test", "TXT", False),
    ("a.failover.test", "b.c.failover.test", "A", True),
    ("a.wild.failover.test", "b.wild.failover.test", "A", True),
    ("www.example.net", "www.example.org", "A", True),
    ("shop.failover.test", "a.failover.test", "A", False),
    ("a.failover.test", "www.example.net", "A", False),
]


@pytest.mark.parametrize(("one", "other", "rtype", "is_together"), TOGETHER)
def test_replies_are_counted_by_name_or_zone(
    one: str, other: str, rtype: str, is_together: bool
) -> None:
    """Random names do not help a flood: names that do not exist count for their zone."""
    settings = limited()
    assert respond(TABLE, asked(one), UDP, settings) is not None
    second = respond(TABLE, asked(other, rtype), UDP, settings)
    assert (second is None) == is_together


def test_a_truncated_reply_makes_a_resolver_retry_over_tcp() -> None:
    """It has only the question and TC; over TCP there is no limit."""
    settings, packet = limited(slip=1), asked("shop.failover.test")
    respond(TABLE, packet, UDP, settings)
    wire = respond(TABLE, packet, UDP, settings)
    assert wire is not None
    reply = dns.message.from_wire(wire)
    assert reply.flags & dns.flags.TC
    assert (reply.rcode(), reply.answer, reply.authority) == (dns.rcode.NOERROR, [], [])
    assert reply.question == dns.message.from_wire(packet).question
    for _ in range(5):
        full = respond(TABLE, packet, TCP, settings)
        assert full is not None
        assert dns.message.from_wire(full).answer


def test_a_client_with_a_valid_cookie_is_never_limited() -> None:
    """The cookie proves its address."""
    cookie = make_cookie(SECRETS.secrets[0], b"abcdefgh", ADDRESS, 0)
    settings, packet = limited(), asked("shop.failover.test", cookie=cookie)
    for _ in range(10):
        wire = respond(TABLE, packet, UDP, settings)
        assert wire is not None
        assert dns.message.from_wire(wire).answer


def test_badcookie_gives_a_client_a_cookie_with_which_it_is_not_limited() -> None:
    """It is sent instead of a truncated reply."""
    settings = limited(slip=1)
    packet = asked("shop.failover.test", cookie=b"abcdefgh")
    respond(TABLE, packet, UDP, settings)
    wire = respond(TABLE, packet, UDP, settings)
    assert wire is not None
    reply = dns.message.from_wire(wire)
    assert (reply.rcode(), reply.answer) == (dns.rcode.BADCOOKIE, [])
    [option] = reply.options
    returned = option.to_wire()
    assert returned is not None
    wire = respond(TABLE, asked("shop.failover.test", cookie=returned), UDP, settings)
    assert wire is not None
    assert dns.message.from_wire(wire).answer


def test_without_a_limit_badcookie_is_never_sent() -> None:
    """A client with an invalid cookie has no disadvantage then."""
    packet = asked("shop.failover.test", cookie=b"abcdefgh" * 3)
    for _ in range(5):
        wire = respond(TABLE, packet, UDP, answer_settings(SECRETS))
        assert wire is not None
        assert dns.message.from_wire(wire).rcode() == dns.rcode.NOERROR


def test_an_error_over_the_limit_is_not_sent_at_all() -> None:
    """FORMERR cannot be truncated."""
    settings = limited(slip=1)
    packet = asked("shop.failover.test")[:-1]
    assert respond(TABLE, packet, UDP, settings) is not None
    assert respond(TABLE, packet, UDP, settings) is None


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=12, max_size=80), st.integers(0, 3))
def test_no_packet_raises_with_limits_on(packet: bytes, slip: int) -> None:
    """No reply over the limit is longer than an unlimited one."""
    settings = limited(slip)
    first = respond(TABLE, packet, UDP, settings)
    for _ in range(3):
        again = respond(TABLE, packet, UDP, settings)
        assert again is None or (first is not None and len(again) <= max(len(first), len(packet)))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["shop", "other", "a", "x.wild", "a.b.c"]),
    st.sampled_from(["A", "TXT", "ANY"]),
    st.sampled_from([None, b"abcdefgh", b"abcdefgh" * 3]),
)
def test_over_the_limit_a_reply_is_hardly_longer_than_the_query(
    label: str, rtype: str, cookie: bytes | None
) -> None:
    """Only a cookie and an OPT record are added, so that floods are not amplified."""
    settings, packet = limited(slip=1), asked(f"{label}.failover.test", rtype, cookie)
    for _ in range(4):
        wire = respond(TABLE, packet, UDP, settings)
        assert wire is not None
    assert len(wire) <= len(packet) + 28
