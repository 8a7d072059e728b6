"""The table in C gives the same answers as the one in Python, frees memory, and makes cookies."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import ip_address
from random import Random
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import (
    TCP,
    UDP,
    addresses,
    answer_settings,
    authority,
    name,
    node,
    query,
    respond,
    served,
    slow_answer,
    table_of,
    zone,
)

from failoverdns.answering.responding import Asker
from failoverdns.model.change import Delta
from failoverdns.model.errors import Malformed
from failoverdns.protocol.cookies import CookieSecrets, make_cookie
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.python_table import PythonTable

if os.environ.get("CI") != "true":
    pytest.importorskip("failoverdns._native", reason="the extension was not built")

from failoverdns import _native
from failoverdns.protocol.table.compiled_table import CompiledTable

ORIGIN = "failover.test"


def both() -> tuple[PythonTable, CompiledTable]:
    """Return both tables, empty."""
    return PythonTable(), CompiledTable()


def require_same(python: PythonTable, compiled: CompiledTable) -> None:
    """Require that both tables have the same content."""
    names, zones = served(python)
    assert len(compiled) == len(names)
    assert {owner: compiled.find(owner) for owner in names} == names
    assert {origin: compiled.zone_of(origin) for origin in zones} == zones


@pytest.mark.parametrize("seed", [1, 2])
def test_the_c_table_stays_equal_to_the_python_table_while_it_grows_and_shrinks(seed: int) -> None:
    """Its indexes double and halve several times, and are empty in the end."""
    random = Random(seed)
    python, compiled = both()
    begin = write_delta(Delta(authorities=(authority(ORIGIN),)))
    for table in (python, compiled):
        table.apply(begin)
    before = compiled.memory()
    owners = [f"{n % 7}.h{n}.g{n % 11}.{ORIGIN}" for n in range(4000)]
    there: set[str] = set()
    for share_kept in (1.0, 0.3, 0.8, 0.05, 0.0):
        target = set(random.sample(owners, int(share_kept * len(owners))))
        steps = sorted(target ^ there)
        random.shuffle(steps)
        for start in range(0, len(steps), 97):
            part = steps[start : start + 97]
            nodes = tuple(
                node(one, ORIGIN, addresses(f"192.0.2.{random.randrange(200)}"))
                for one in part
                if one in target
            )
            gone = tuple(name(one) for one in part if one not in target)
            delta = write_delta(Delta(nodes=nodes, removed=gone))
            for table in (python, compiled):
                table.apply(delta)
        there = target
        require_same(python, compiled)
    assert len(compiled) == 1
    assert compiled.memory() < before + 4096, "the smallest index is larger by some buckets"


def test_names_with_equal_rrsets_share_them() -> None:
    """So a million hostnames that point at a few groups fit into memory."""
    size = 10_000
    rrsets = addresses(*(f"192.0.2.{n}" for n in range(64)))
    table = CompiledTable()
    table.apply(write_delta(Delta(authorities=(authority(ORIGIN),))))
    table.apply(
        write_delta(Delta(nodes=tuple(node(f"h{n}.{ORIGIN}", ORIGIN, rrsets) for n in range(size))))
    )
    assert table.memory() < 100 * size < 64 * 16 * size


def test_repeatedly_replaced_large_rrsets_do_not_leak_memory() -> None:
    """The memory of RRsets over 64 KiB is freed completely."""
    table = CompiledTable()
    table.apply(write_delta(Delta(authorities=(authority(ORIGIN),))))
    for turn in range(60):
        big = addresses(*(f"10.{n >> 8}.{n & 255}.{turn & 255}" for n in range(4500)))
        nodes = (node(f"big.{ORIGIN}", ORIGIN, big), node(f"s{turn}.{ORIGIN}", ORIGIN))
        table.apply(write_delta(Delta(nodes=nodes)))
        found = table.find(name(f"big.{ORIGIN}").wire)
        assert found is not None
    assert table.memory() < 150_000


WRONG: list[tuple[bytes, str]] = [
    (b"X\0", "unknown kind"),
    (b"R\3ab", "an invalid domain name|cut short"),
    (b"R\x40" + b"a" * 64 + b"\0", "invalid domain name"),
    (b"Z\1a\0\0\0\0\4abcd", "an SOA that is not one record"),
    (b"N\1a\0\2\0\0\0\1\0\0\0\0", "not in its zone"),
    (b"N\1a\0\1\0\0\0\1\0\0\0\3abc", "RRsets cut short"),
    (b"N\1a\0\1\0\0\0\1\0\0\0\x08\0\1\0\1\0\0\0\0", "does not match its record count"),
    (b"N\1a\0\1\0\0\0\1\0\0\0\x09", "cut short"),
    (b"N\1a\0\1\0\0\0\1\0\0\0\x08\0\1\0\0\0\0\0\0", "does not match its record count"),
    *(
        (
            b"N\1a\0\1\0\0\0\1"
            + pack(">IHHI", 20 + len(target), 5, 1, 12 + len(target))
            + b"\xc0\x0c\0\5\0\1\0\0\0\1"
            + pack(">H", len(target))
            + target,
            "does not match its record count",
        )
        for target in (
            b"",
            b"\1b",
            b"\1b\1",
            b"\1b\0x",
            b"\0\0",
            b"\x40" + b"b" * 64 + b"\0",
            (b"\x3f" + b"b" * 63) * 4 + b"\0",
            b"\xc0\x0c",
        )
    ),
    (b"D", "cut short|invalid domain name"),
]


@pytest.mark.parametrize(("operation", "fault"), WRONG)
@pytest.mark.parametrize("make", [PythonTable, CompiledTable])
def test_an_invalid_delta_changes_nothing(
    make: Callable[[], PythonTable | CompiledTable], operation: bytes, fault: str
) -> None:
    """It is checked as a whole first, even if it begins with valid operations."""
    table = make()
    good = write_delta(zone(ORIGIN, "a A 192.0.2.1"))
    with pytest.raises(Malformed, match=fault):
        table.apply(good + operation)
    assert len(table) == 0
    assert table.zone_of(name(ORIGIN).wire) is None


BEGIN = write_delta(zone(ORIGIN, "a A 192.0.2.1\nb NS ns.b\nns.b A 192.0.2.2\n*.w TXT x"))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_deltas_are_refused_by_both_tables_or_by_neither(data: st.DataObject) -> None:
    """Those that are accepted have the same effect."""
    python, compiled = both()
    for table in (python, compiled):
        table.apply(BEGIN)
    delta = bytearray(BEGIN)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(delta) - 1))
        delta[at] = data.draw(st.sampled_from([0, 1, 2, 5, 6, 64, 68, 78, 82, 90, 97, 255]))
    outcomes = []
    for table in (python, compiled):
        try:
            table.apply(bytes(delta))
            outcomes.append(True)
        except Malformed:
            outcomes.append(False)
    assert outcomes[0] == outcomes[1]
    if outcomes[0] and all(owner == owner.lower() for owner in served(python)[0]):
        require_same(python, compiled)


def test_removing_a_zone_removes_the_zones_below_it() -> None:
    """The configuration refuses nested zones, but a delta may contain them."""
    outer, inner = "test", ORIGIN
    deltas = [
        Delta(authorities=(authority(outer),), nodes=(node(inner, outer, addresses("192.0.2.1")),)),
        Delta(authorities=(authority(inner),)),
        Delta(nodes=(node(f"a.{inner}", inner), node(f"b.{inner}", outer))),
        Delta(dropped=(name(outer),)),
        Delta(nodes=(node(f"c.{inner}", inner),)),
    ]
    python, compiled = both()
    for delta in deltas:
        for table in (python, compiled):
            table.apply(write_delta(delta))
        require_same(python, compiled)
    assert len(compiled) == 0


def test_invalid_arguments_of_the_extension_raise() -> None:
    """The extension checks its arguments."""
    table = _native.Table()
    with pytest.raises(TypeError):
        table.apply("text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="invalid domain name"):
        table.find(b"\3ab")
    with pytest.raises(ValueError, match="invalid domain name"):
        table.find(b"\1a\0more")
    with pytest.raises(ValueError, match="secrets"):
        table.ready_answer(b"", True, b"short")
    with pytest.raises(ValueError, match="address"):
        table.ready_answer(b"", True, b"", b"123")
    with pytest.raises(OSError, match="file descriptor"):
        table.serve(-1, b"")


SECRETS = [b"0123456789abcdef", b"fedcba9876543210", b"x" * 16]
COOKIES = table_of(zone(ORIGIN, "a A 192.0.2.1\nout CNAME lb.example.net."))
COMPILED = CompiledTable()
COMPILED.apply(write_delta(zone(ORIGIN, "a A 192.0.2.1\nout CNAME lb.example.net.")))


@settings(max_examples=400, deadline=None)
@given(
    secrets=st.lists(st.sampled_from(SECRETS), min_size=1, max_size=3, unique=True),
    maker=st.sampled_from(SECRETS),
    address=st.sampled_from(["192.0.2.7", "198.51.100.100", "2001:db8::7"]),
    other=st.sampled_from(["", "", "", "192.0.2.8"]),
    now=st.sampled_from([0, 1, 1_600_000_000, 2**31, 2**32 - 5]),
    age=st.sampled_from([-301, -300, -1, 0, 1, 1800, 1801, 3600, 3601, 2**31]),
    change=st.sampled_from([None, None, None, *range(24)]),
    size=st.sampled_from([8, 24, 24, 24, 16, 40]),
    owner=st.sampled_from(["a", "none", "out", ""]),
    udp=st.booleans(),
)
def test_a_cookie_is_checked_and_renewed_as_in_python(
    secrets: list[bytes],
    maker: bytes,
    address: str,
    other: str,
    now: int,
    age: int,
    change: int | None,
    size: int,
    owner: str,
    udp: bool,
) -> None:
    """This holds for any age, any secret and any wrong bits."""
    made_for = ip_address(other or address).packed
    cookie = bytearray(make_cookie(maker, b"abcdefgh", made_for, now - age) + bytes(16))[:size]
    if change is not None and change < size:
        cookie[change] ^= 1
    packet = query(f"{owner}.{ORIGIN}".lstrip("."), payload=1232).to_wire()
    options = b"\0\x0a" + bytes([0, size]) + bytes(cookie)
    packet = packet[:-2] + bytes([0, len(options)]) + options
    known = CookieSecrets(tuple(secrets))
    ready = COMPILED.ready_answer_with_cookie(
        packet, known, ip_address(address).packed, now, udp=udp
    )
    slow = slow_answer(COOKIES, packet, Asker(address, udp, now, 0), answer_settings(known))
    assert ready == (slow if size in (8, 24) else None)


def test_a_query_with_a_cookie_is_left_to_python_if_cookies_are_off() -> None:
    """The slow path ignores its option."""
    packet = query(f"a.{ORIGIN}", payload=1232).to_wire()
    packet = packet[:-2] + b"\0\x0c\0\x0a\0\x08abcdefgh"
    assert COMPILED.ready_answer(packet, udp=True) is None
    assert respond(COMPILED, packet, UDP) == slow_answer(COOKIES, packet, UDP)


@pytest.mark.parametrize("rtype", [0, 41, 128, 250, 251, 252, 255, 256, 65535])
def test_queries_for_meta_types_are_left_to_python(rtype: int) -> None:
    """These are ANY, transfers, OPT and unassigned types."""
    for owner in (f"a.{ORIGIN}", f"none.{ORIGIN}"):
        packet = bytearray(query(owner).to_wire())
        packet[-4:-2] = rtype.to_bytes(2, "big")
        assert COMPILED.ready_answer(bytes(packet), udp=True) is None
        assert respond(COMPILED, bytes(packet), TCP) == slow_answer(COOKIES, bytes(packet), TCP)
