"""Rate limiting of replies: which replies are counted together, and which are never limited."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle
from struct import pack

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import TCP, UDP, answer_settings, name, query, respond, table_of, zone

from failoverdns.answering.accounts import account_of, account_of_ready
from failoverdns.answering.authoritative import answer
from failoverdns.answering.limiting import Limiter, RateLimiter, make_limiter
from failoverdns.answering.settings import AnswerSettings
from failoverdns.model.limits import RateLimits
from failoverdns.protocol.chaos import chaos_rrsets
from failoverdns.protocol.cookies import CookieSecrets, make_cookie
from failoverdns.protocol.query import Query, read_query

RECORDS = """\
shop A 192.0.2.10
other A 192.0.2.11
*.wild A 192.0.2.12
www A 192.0.2.13
www TXT "a text"
alias CNAME www
away CNAME www.example.net.
*.away CNAME www.example.net.
dangling CNAME none
child NS ns.child
ns.child A 192.0.2.14
"""
TABLE = table_of(zone("failover.test", RECORDS))
SECRETS = CookieSecrets((b"0123456789abcdef",))
ADDRESS = bytes(4)


def limits_of(rate: int, slip: int = 0, everything: int = 0) -> RateLimits:
    """Return limits of `rate` replies a second for each kind, and of `everything` for all."""
    return RateLimits(rate, rate, rate, rate, rate, everything, slip=slip)


def limited(slip: int = 0, rate: int = 1, everything: int = 0) -> AnswerSettings:
    """Return settings with a limit of one reply a second for everything."""
    return settings_with(RateLimiter(limits_of(rate, slip, everything)))


def settings_with(limiter: Limiter) -> AnswerSettings:
    """Return answer settings with a limiter, cookies and names of class CHAOS."""
    return answer_settings(SECRETS, b"x" * 255, limiter, chaos_rrsets("id", "version"))


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
    ("www.failover.test", "www.failover.test", "TXT", False),
    ("www.failover.test", "www.failover.test", "ANY", True),
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


def packets_of(qnames: Iterable[str], rtypes: Iterable[int], rclass: int = 1) -> list[bytes]:
    """Return queries for these names, with these types in turn."""
    return [
        name(qname).wire + pack(">HH", rtype, rclass)
        for qname, rtype in zip(cycle(qnames), rtypes, strict=False)
    ]


def with_question(question: bytes, *, version: int | None = None, opcode: int = 0) -> bytes:
    """Return a query, with EDNS of a version if given."""
    opt = b"" if version is None else pack(">BHHBBHH", 0, 41, 1232, 0, version, 0, 0)
    return pack(">HHHHHH", 1, opcode << 11, 1, 0, 0, bool(opt)) + question + opt


ZONE = "failover.test"
WWW = name(f"www.{ZONE}").wire + b"\0\1\0\1"

ORDINARY = [rtype for rtype in range(2, 128) if rtype not in (16, 41)]
"""Types below 128, except A, TXT and OPT: `www` has the first two, and the last gets FORMERR."""

TO_CNAME = [rtype for rtype in ORDINARY if rtype not in (46, 47)]
"""Those of them that a CNAME record answers."""

FLOODS: dict[str, list[bytes]] = {
    "the same question": [with_question(WWW)] * 3000,
    "random names": [
        with_question(one) for one in packets_of((f"n{n}.{ZONE}" for n in range(3000)), [1] * 3000)
    ],
    "names of other zones": [
        with_question(one) for one in packets_of((f"n{n}.example" for n in range(3000)), [1] * 3000)
    ],
    "types of a name, 256 to 60255": [
        with_question(one) for one in packets_of([f"www.{ZONE}"], range(256, 60256, 20))
    ],
    "types of a name, 2 to 127": [
        with_question(one) for one in packets_of([f"www.{ZONE}"], ORDINARY * 20)
    ],
    "types of the origin": [with_question(one) for one in packets_of([ZONE], range(300, 3300))],
    "types of names": [
        with_question(one)
        for one in packets_of([f"www.{ZONE}", f"shop.{ZONE}", f"other.{ZONE}"], range(300, 3300))
    ],
    "types of an alias in the zone": [
        with_question(one) for one in packets_of([f"alias.{ZONE}"], [*TO_CNAME, *range(256, 999)])
    ],
    "types of an alias that leads away": [
        with_question(one) for one in packets_of([f"away.{ZONE}"], [1, *TO_CNAME, *range(256, 999)])
    ],
    "types of an alias of nothing": [
        with_question(one) for one in packets_of([f"dangling.{ZONE}"], range(256, 3000))
    ],
    "types of a wildcard": [
        with_question(one) for one in packets_of([f"a.wild.{ZONE}"], range(256, 3000))
    ],
    "names below a wildcard": [
        with_question(one)
        for one in packets_of((f"n{n}.wild.{ZONE}" for n in range(3000)), [1] * 3000)
    ],
    "types below a wildcard alias": [
        with_question(one)
        for one in packets_of((f"n{n}.away.{ZONE}" for n in range(3000)), range(256, 3000))
    ],
    "names and types below a zone cut": [
        with_question(one)
        for one in packets_of((f"n{n}.child.{ZONE}" for n in range(3000)), range(256, 3000))
    ],
    "types of an empty non-terminal": [
        with_question(one)
        for one in packets_of([f"wild.{ZONE}"], [1, *ORDINARY, *range(256, 3000)])
    ],
    "capitals": [
        with_question(
            WWW[:1] + bytes(b ^ (n >> i & 1) << 5 for i, b in enumerate(WWW[1:4])) + WWW[4:]
        )
        for n in range(3000)
    ],
    "classes": [with_question(WWW[:-2] + pack(">H", n)) for n in range(4, 3000)],
    "types of class CHAOS": [
        with_question(one) for one in packets_of(["id.server"], range(256, 3000), 3)
    ],
    "types that are refused": [
        with_question(WWW[:-4] + pack(">HH", n, 1)) for n in (251, 252) * 999
    ],
    "types of no meaning": [
        with_question(WWW[:-4] + pack(">HH", n, 1)) for n in [*range(128, 251)] * 9
    ],
    "types and versions of EDNS": [
        with_question(WWW[:-4] + pack(">HH", n, 1), version=1 + n % 255) for n in range(1, 3000)
    ],
    "opcodes": [with_question(WWW, opcode=1 + n % 15) for n in range(3000)],
    "questions that are cut short": [with_question(WWW)[: 12 + n % 20] for n in range(3000)],
    "client cookies": [asked(f"www.{ZONE}", "A", n.to_bytes(8, "big")) for n in range(1000)],
    "server cookies that are not ours": [
        asked(f"www.{ZONE}", "A", n.to_bytes(24, "big")) for n in range(1000)
    ],
    "only cookies": [
        pack(">HHHHHH", 1, 0, 0, 0, 0, 1)
        + pack(">BHHIH", 0, 41, 1232, 0, 12)
        + b"\0\x0a\0\x08"
        + bytes(8)
        for _ in range(1000)
    ],
}


@pytest.mark.parametrize("make", [RateLimiter, make_limiter], ids=["in Python", "as built"])
@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_does_not_get_around_the_limit(
    flood: str, make: Callable[[RateLimits], Limiter]
) -> None:
    """Whatever it varies, it gets one second's worth of full replies."""
    settings = settings_with(make(limits_of(20)))
    replies = [respond(TABLE, packet, UDP, settings) for packet in FLOODS[flood]]
    assert len(replies) > 500
    assert 0 < sum(reply is not None for reply in replies) <= 20


def test_a_flood_of_all_names_and_types_is_limited_by_the_limit_for_everything() -> None:
    """Each RRset has an account of its own, so only `all_per_second` stops this flood."""
    settings = limited(rate=20, everything=50)
    names = [
        f"{owner}.{ZONE}" for owner in ("shop", "other", "www", "away", "alias", "n.wild", "x")
    ]
    packets = [with_question(one) for one in packets_of(names, [1] * 700)]
    assert sum(respond(TABLE, packet, UDP, settings) is not None for packet in packets) == 50


def test_the_default_for_everything_is_ten_times_the_rate() -> None:
    """A flood of many names of one network gets no more."""
    assert RateLimits().all_per_second == 200


def test_replies_that_cannot_be_truncated_are_counted_as_dropped() -> None:
    """FORMERR has no question, so a truncated one would make nobody ask again over TCP."""
    settings = limited(slip=1)
    packet = asked("shop.failover.test")[:-1]
    for _ in range(5):
        respond(TABLE, packet, UDP, settings)
    assert settings.limiter is not None
    assert (settings.limiter.truncated, settings.limiter.dropped) == (0, 4)


@pytest.mark.parametrize("make", [RateLimiter, make_limiter], ids=["in Python", "as built"])
@pytest.mark.parametrize("slip", [0, 1, 2, 3])
def test_a_network_in_deep_debt_is_refused_before_the_look_up_as_it_would_be_after_it(
    make: Callable[[RateLimits], Limiter], slip: int
) -> None:
    """The same replies are sent, truncated and dropped, and a valid cookie still helps."""
    plain, proven = (
        asked("shop.failover.test"),
        make_cookie(SECRETS.secrets[0], b"abcdefgh", ADDRESS, 0),
    )
    early = settings_with(make(limits_of(0, slip, everything=2)))
    late = settings_with(make(limits_of(0, slip, everything=2)))
    odd = plain[:10] + b"\0\2" + plain[12:]  # FORMERR, as a second record is missing
    assert early.limiter is not None
    assert late.limiter is not None
    for number in range(40):
        packet = asked("shop.failover.test", cookie=proven) if number % 7 == 0 else plain
        first = respond(TABLE, packet, UDP, early)
        assert (first is not None and b"shop" in first and first[7] == 1) == (
            number % 7 == 0 or number in (1, 2)
        )
    for _ in range(20):
        respond(TABLE, odd, UDP, late)
    assert late.limiter.dropped == 18


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["shop", "www", "away", "none", "a.b", "wild", "ns.child", "WwW", "alias"]),
    st.sampled_from([1, 2, 5, 6, 15, 16, 28, 255, 999]),
    st.booleans(),
)
def test_a_ready_answer_has_the_account_of_the_same_answer_by_the_slow_path(
    label: str, rtype: int, edns: bool
) -> None:
    """One is read from bytes, the other made from sections."""
    packet = with_question(packets_of([f"{label}.{ZONE}"], [rtype])[0], version=0 if edns else None)
    ready = TABLE.ready_answer(packet, udp=True)
    if ready is not None:
        asking = read_query(packet)
        assert isinstance(asking, Query)
        sections = answer(TABLE, asking, answer_settings())
        assert sections is not None
        assert account_of_ready(ready) == account_of(TABLE, asking, sections)
