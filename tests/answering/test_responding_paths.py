"""The fast path and the slow path give the same reply, byte for byte, for any table and packet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import pack
from typing import Any

import dns.edns
import dns.message
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tables import TCP, UDP, answer_settings, authority, query, respond, slow_answer, table_of, zone

from failoverdns.answering.responding import _ready_with_cookie
from failoverdns.model.change import Delta, Node
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, TXT, A, Opaque, RRset, Text
from failoverdns.protocol.chaos import chaos_rrsets
from failoverdns.protocol.cookies import CookieSecrets, make_cookie
from failoverdns.protocol.table.table import Table

ORIGINS = ["failover.test", "other.test", "example.org"]
LABELS = [b"a", b"b", b"*", b"primary", b"414-262-781", b"_status", b"\0\xff.", b"x" * 63]
TYPES = [
    A,
    AAAA,
    TXT,
    CNAME,
    NS,
    6,
    15,
    43,
    65,
    255,
    0,
    41,
    46,
    47,
    250,
    251,
    252,
    254,
    257,
    65280,
    65281,
]
PAYLOADS = [0, 511, 512, 513, 600, 1231, 1232, 1233, 4096, 65535]

SECRETS = CookieSecrets((b"0123456789abcdef",))
OWN = make_cookie(SECRETS.secrets[0], b"abcdefgh", bytes(4), 0)
OPTIONS = [
    *[b""] * 6,
    *[b"\0\x0a\0\x08abcdefgh"] * 2,
    *[b"\0\x0a\0\x18" + OWN] * 2,
    b"\0\x0a\0\x18" + b"abcdefgh" * 3,
    b"\0\x0a\0\x09abcdefghi",
    b"\0\3\0\0\0\x0a\0\x08abcdefgh",
    b"\0\3",
    b"\0\x0b\0\0",
    b"\0\x08\0\x07\0\1\x18\0\xc0\0\2",
    b"\0\x08\0\x07\0\1\x18\1\xc0\0\2",
]
TERMS = [
    answer_settings(),
    answer_settings(SECRETS),
    answer_settings(SECRETS, b"ns1", chaos=chaos_rrsets("here", None)),
]

origins = st.sampled_from([DomainName.from_text(text) for text in ORIGINS])
above = st.lists(st.sampled_from(LABELS), max_size=3)
ttls = st.sampled_from([0, 1, 60, 86400])


def joined(labels: list[bytes], origin: DomainName) -> DomainName:
    """Return the absolute name of labels in a zone."""
    return DomainName.from_labels((*labels, *origin.labels()))


names = st.builds(joined, above, origins)
elsewhere = st.sampled_from([DomainName.from_text("www.example.net"), DomainName.from_text(".")])


def of_addresses(rtype: int, ttl: int, count: int) -> RRset:
    """Return `count` addresses; about 31 or 76 A records reach the limits of UDP."""
    kind: Any = IPv4Address if rtype == A else IPv6Address
    return RRset(rtype, ttl, tuple(kind(1 + number) for number in range(count)))


addresses = st.builds(
    of_addresses,
    st.sampled_from([A, AAAA]),
    ttls,
    st.integers(1, 3) | st.integers(10, 45) | st.integers(65, 85),
)
strings = st.lists(st.binary(max_size=255), min_size=1, max_size=6).map(tuple)
texts = st.builds(lambda ttl, s: RRset(TXT, ttl, (Text(s),)), ttls, strings)
others = st.builds(
    lambda rtype, ttl, data: RRset(rtype, ttl, (Opaque(data),)),
    st.sampled_from([65280, 65281]),
    ttls,
    st.binary(max_size=30),
)
aliases = st.builds(lambda ttl, name: (RRset(CNAME, ttl, (name,)),), ttls, names | elsewhere)
cuts = st.builds(
    lambda ttl, servers: (RRset(NS, ttl, tuple(servers)),),
    ttls,
    st.lists(names | elsewhere, min_size=1, max_size=3, unique=True),
)
together = st.lists(addresses | texts | others, max_size=3, unique_by=lambda r: r.rtype).map(tuple)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, list[DomainName]]:
    """Draw a table of several zones, and its names."""
    nodes: dict[DomainName, Node] = {}
    zones = [DomainName.from_text(text) for text in ORIGINS[: draw(st.integers(1, 3))]]
    for origin in zones:
        apex = (RRset(NS, 3600, (origin.child("ns1"),)), *draw(together))
        nodes[origin] = Node(origin, origin, apex, 60)
        for labels in draw(st.lists(above.filter(bool), max_size=8)):
            owner = joined(labels, origin)
            content = draw(st.one_of(together, together, aliases, aliases, cuts))
            nodes[owner] = Node(owner, origin, content, draw(st.sampled_from([0, 5, 60])))
    soas = tuple(authority(origin.to_text()) for origin in zones)
    table = table_of(Delta(authorities=soas, nodes=tuple(nodes.values())))
    return table, list(nodes)


@st.composite
def packets(draw: st.DrawFn, owners: list[DomainName]) -> bytes:
    """Draw a query for names in, beside, above and below those of a table."""
    name = draw(st.sampled_from(owners) | names | elsewhere)
    for label in draw(st.sampled_from([[], [], [], [b"below"], [b"a", b"b"], [b"*"]])):
        if len(name.wire) + len(label) < 255:
            name = DomainName.from_labels((label, *name.labels()))
    if draw(st.integers(0, 9)) == 0:
        name = name.parent()
    upper = draw(st.integers(0, 2**64 - 1))
    owner = bytes(
        byte - 32 if 97 <= byte <= 122 and upper >> index % 64 & 1 else byte
        for index, byte in enumerate(name.wire)
    )
    rtype = draw(
        st.sampled_from([A, A, AAAA, TXT]) | st.sampled_from(TYPES) | st.integers(0, 65535)
    )
    rclass = draw(st.sampled_from([1] * 8 + [3, 255]))
    flags = draw(st.sampled_from([0, 0x100, 0x110, 0x120, 0x130]) | st.integers(0, 0xFFFF))
    edns = draw(st.booleans())
    packet = pack(">HHHHHH", draw(st.integers(0, 65535)), flags, 1, 0, 0, edns)
    packet += owner + pack(">HH", rtype, rclass)
    if edns:
        options = draw(st.sampled_from(OPTIONS))
        ttl = draw(st.sampled_from([0, 0x8000, 0, 0x8000, 0xFFFF, 1 << 16, 3 << 24]))
        payload = draw(st.sampled_from(PAYLOADS))
        packet += pack(">BHHIH", 0, 41, payload, ttl, len(options)) + options
    damaged = bytearray(packet)
    if draw(st.integers(0, 7)) == 0:
        for bit in draw(st.lists(st.integers(0, len(packet) * 8 - 1), max_size=4)):
            damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged[: draw(st.integers(0, len(packet))) or None])
    return packet


def limit_of(packet: bytes, udp: bool) -> int:
    """Return the largest size of a reply, as dnspython reads the query."""
    if not udp:
        return 65535
    try:
        message = dns.message.from_wire(packet, ignore_trailing=True)
    except Exception:
        return 512
    return min(max(message.payload, 512), 1232) if message.edns >= 0 else 512


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_ready_answer_equals_the_reply_of_the_slow_path(
    data: st.DataObject,
) -> None:
    """The reply is well-formed, and fits into its limit."""
    table, owners = data.draw(tables())
    settings = data.draw(st.sampled_from(TERMS))
    for packet in data.draw(st.lists(packets(owners), min_size=1, max_size=12)):
        for udp in (True, False):
            ready = table.ready_answer(packet, udp=udp)
            asker = UDP if udp else TCP
            slow = slow_answer(table, packet, asker, settings)
            assert ready is None or ready == slow
            assert respond(table, packet, asker, settings) == slow
            event("ready" if ready is not None else "slow" if slow is not None else "silent")
            if slow is not None:
                reply = dns.message.from_wire(slow)
                assert reply.id == int.from_bytes(packet[:2], "big")
                assert len(slow) == 12 or len(slow) <= limit_of(packet, udp)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.binary(max_size=200))
def test_no_bytes_raise_an_exception(data: st.DataObject, packet: bytes) -> None:
    """Bytes that are not a DNS message get a well-formed reply or none."""
    table, _ = data.draw(tables())
    reply = respond(table, packet, data.draw(st.sampled_from([UDP, TCP])))
    if reply is not None:
        dns.message.from_wire(reply)


TABLE = table_of(
    zone(
        "failover.test",
        """
        shop A 192.0.2.10
        shop AAAA 2001:db8::10
        cloud CNAME lb.example.net.
        app TXT "online"
        many 60 IN A 192.0.2.1
        """.replace("        ", "")
        + "".join(f"many A 192.0.2.{n}\n" for n in range(2, 60)),
        reserved=["empty"],
    )
)
ORDINARY = [
    ("shop.failover.test", "A"),
    ("shop.failover.test", "AAAA"),
    ("shop.failover.test", "TXT"),
    ("SHOP.FailOver.TEST", "A"),
    ("app.failover.test", "TXT"),
    ("app.failover.test", "A"),
    ("empty.failover.test", "A"),
    ("empty.failover.test", "AAAA"),
    ("cloud.failover.test", "A"),
    ("cloud.failover.test", "AAAA"),
    ("cloud.failover.test", "CNAME"),
    ("failover.test", "SOA"),
    ("failover.test", "NS"),
    ("failover.test", "A"),
]


@pytest.mark.parametrize(("qname", "rtype"), ORDINARY)
@pytest.mark.parametrize("flags", ["", "RD", "RD AD", "RD CD", "AD CD"])
@pytest.mark.parametrize("edns", [None, False, True], ids=["no-edns", "edns", "edns-do"])
def test_ordinary_queries_have_a_ready_answer(
    qname: str, rtype: str, flags: str, edns: bool | None
) -> None:
    """Queries of resolvers and dig are answered without being parsed, in any case of letters."""
    message = query(
        qname, rtype, flags=flags, payload=None if edns is None else 1232, dnssec_ok=bool(edns)
    )
    packet = message.to_wire()
    ready = TABLE.ready_answer(packet, udp=True)
    assert ready is not None
    assert ready == slow_answer(TABLE, packet, UDP)


@pytest.mark.parametrize("cookie", [b"abcdefgh", OWN, b"abcdefgh" * 3], ids=["half", "own", "odd"])
def test_a_query_with_a_cookie_has_a_ready_answer(cookie: bytes) -> None:
    """Only the cookie is computed; the reply equals that of the slow path."""
    message = query("shop.failover.test")
    message.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(10, cookie)])
    packet, settings = message.to_wire(), answer_settings(SECRETS)
    found = _ready_with_cookie(TABLE, packet, UDP, SECRETS)
    reply, valid = found.message, found.has_valid_cookie
    assert valid == (cookie == OWN)
    assert (
        reply == slow_answer(TABLE, packet, UDP, settings) == respond(TABLE, packet, UDP, settings)
    )


@pytest.mark.parametrize(
    ("payload", "udp", "is_ready"),
    [(None, True, False), (512, True, False), (1232, True, True), (None, False, True)],
    ids=["512 bytes", "512 bytes by EDNS", "1232 bytes", "TCP"],
)
def test_a_large_answer_is_ready_if_it_fits(payload: int | None, udp: bool, is_ready: bool) -> None:
    """59 addresses are sent, except to clients that accept 512 bytes only."""
    packet = query("many.failover.test", payload=payload).to_wire()
    assert (TABLE.ready_answer(packet, udp=udp) is not None) == is_ready


def test_an_answer_over_64_kib_is_not_sent_even_over_tcp() -> None:
    """The two bytes of length cannot express more."""
    big = RRset(A, 60, tuple(IPv4Address(number) for number in range(1, 5000)))
    origin = DomainName.from_text("failover.test")
    node = Node(origin.child("big"), origin, (big,), 60)
    table = table_of(Delta(authorities=(authority("failover.test"),), nodes=(node,)))
    packet = query("big.failover.test").to_wire()
    assert table.ready_answer(packet, udp=False) is None
    reply = respond(table, packet, TCP)
    assert reply is not None
    assert dns.message.from_wire(reply).flags & 0x0200
