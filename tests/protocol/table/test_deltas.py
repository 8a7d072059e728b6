"""Deltas are read back as written, and invalid ones are refused as a whole."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import addresses, authority, name, node

from failoverdns.model.change import Delta
from failoverdns.model.errors import Malformed
from failoverdns.model.records import A, Opaque, RRset
from failoverdns.protocol.records import compile_records, type_key
from failoverdns.protocol.table.deltas import (
    Dropped,
    Put,
    Removed,
    ServedNames,
    read_delta,
    read_rrsets,
    write_delta,
    write_rrsets,
)

ORIGIN = "failover.test"
WIRE = name(ORIGIN).wire
DELTA = Delta(
    nodes=(
        node(f"a.{ORIGIN}", ORIGIN, addresses("192.0.2.1", "192.0.2.2")),
        node(f"b.{ORIGIN}", ORIGIN, negative_ttl=5),
    ),
    removed=(name(f"c.{ORIGIN}"),),
    authorities=(authority(ORIGIN),),
    dropped=(name("other.test"),),
)


def test_a_delta_is_read_in_the_order_in_which_it_is_applied() -> None:
    """Removed zones, zones, removed names, names."""
    a, b = write_rrsets(DELTA.nodes[0].rrsets), b""
    assert read_delta(write_delta(DELTA)) == [
        Dropped(name("other.test").wire),
        Put(WIRE, compile_records(authority(ORIGIN).records).tail),
        Removed(b"\1c" + WIRE),
        ServedNames(b"\1a" + WIRE, WIRE, b"\0\0\0\x3c", a),
        ServedNames(b"\1b" + WIRE, WIRE, b"\0\0\0\5", b),
    ]


def test_the_rrsets_of_a_name_are_found_by_type_and_class_of_the_question() -> None:
    """The keys are the bytes of QTYPE and QCLASS in a packet, in the order of the RRsets."""
    rrsets = (RRset(A, 60, (IPv4Address(1),)), RRset(65280, 60, (Opaque(b""),)))
    answers = read_rrsets(write_rrsets(rrsets))
    assert list(answers) == [b"\0\1\0\1", b"\xff\0\0\1"] == [type_key(A), type_key(65280)]
    assert answers[type_key(A)] == compile_records(rrsets[0])


@pytest.mark.parametrize("size", range(1, len(write_delta(DELTA))))
def test_a_truncated_delta_is_refused_or_has_fewer_operations(size: int) -> None:
    """No incomplete operation is accepted."""
    whole = read_delta(write_delta(DELTA))
    with suppress(Malformed):
        part = read_delta(write_delta(DELTA)[:size])
        assert part == whole[: len(part)]
        assert len(part) < len(whole)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    """Nothing but Malformed is raised."""
    with suppress(Malformed):
        read_delta(data)


@pytest.mark.parametrize(
    ("delta", "fault"),
    [
        (b"X\0", "unknown kind"),
        (b"R\x40" + bytes(80), "invalid domain name"),
        (b"R" + b"\1a" * 130 + b"\0", "invalid domain name"),
        (b"R\3ab", "cut short"),
        (b"Z\0\0\0\0\x0c" + bytes(10) + b"\0\1x", "not one record"),
        (b"N\1a\0\2" + bytes(8), "not in its zone"),
        (b"N\1a\0\0" + bytes(8), "not in its zone"),
        (b"N\1a\0\4" + bytes(8), "not in its zone"),
        (b"N\1a\0\1\0\0\0\0\0\0\0\1x", "RRsets cut short"),
        (b"N\1a\0\1\0\0\0\0\0\0\0\x08\0\1\0\1\0\0\0\0", "does not match its record count"),
    ],
)
def test_the_fault_of_an_invalid_delta_is_named(delta: bytes, fault: str) -> None:
    with pytest.raises(Malformed, match=fault):
        read_delta(delta)
