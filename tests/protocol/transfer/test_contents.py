"""Joined records are cut at the right places, and serial numbers compared as in RFC 1982."""

from __future__ import annotations

import pytest
from transferred import ZONE, operations, served, soa_record

from failoverdns.protocol.transfer.contents import (
    Chunk,
    Difference,
    blocks_in,
    is_newer,
    joined,
    records_in,
    relative_name,
    serial_of,
)
from failoverdns.transfers.image import ZoneImage

APEX = b"\xc0\x0c\0\2\0\1\0\0\0\x3c\0\2\xc0\x0c"
A = b"\1a\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
AAAA = b"\1a\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10" + b"\xc0\x0c" * 8
LONG = b"\1b\1a\xc0\x0c\0\x10\0\1\0\0\0\x3c\xff\0" + bytes(0xFF00)


@pytest.mark.parametrize("records", [[], [APEX], [A, AAAA], [LONG, APEX, A], [APEX, LONG]])
def test_joined_records_are_cut_apart(records: list[bytes]) -> None:
    assert list(records_in(b"".join(records))) == records


@pytest.mark.parametrize(
    ("record", "name"), [(APEX, b""), (A, b"\1a"), (LONG, b"\1b\1a")], ids=["apex", "a", "b.a"]
)
def test_the_owner_of_a_record_is_found(record: bytes, name: bytes) -> None:
    assert relative_name(record) == name


def test_the_records_of_each_name_are_found() -> None:
    data = APEX + APEX + A + AAAA + LONG
    assert blocks_in(data) == {b"": APEX + APEX, b"\1a": A + AAAA, b"\1b\1a": LONG}
    assert blocks_in(A + APEX) == {b"\1a": A, b"": APEX}
    assert blocks_in(b"") == {}


@pytest.mark.parametrize(
    ("serial", "other", "newer"),
    [
        (1, 0, True),
        (0, 1, False),
        (5, 5, False),
        (0, 2**32 - 1, True),
        (2**32 - 1, 0, False),
        (2**31 - 1, 0, True),
        (2**31, 0, False),
        (0, 2**31, False),
    ],
)
def test_serial_numbers_are_compared_modulo_2_to_the_32(
    serial: int, other: int, newer: bool
) -> None:
    assert is_newer(serial, other) is newer


def test_a_difference_knows_its_serials_and_what_is_sent() -> None:
    difference = Difference(soa_record(7), soa_record(2**32 - 1), A, AAAA)
    assert (difference.from_serial, difference.to_serial) == (7, 2**32 - 1)
    assert difference.size == 4 * len(soa_record(7)) + len(A) + len(AAAA)


def test_a_snapshot_knows_its_serial() -> None:
    image = ZoneImage(ZONE.wire, bytes(16))
    image.apply([*operations(2026, {}), served("a", "60 A 192.0.2.1")])
    assert image.snapshot().serial == serial_of(soa_record(2026)) == 2026


def test_chunks_are_joined_in_the_reverse_order_of_their_growth() -> None:
    chunks = [Chunk(bytes((n,)), 1, 1) for n in range(7)]
    four = joined(chunks, 4)
    assert [chunk.data for chunk in four] == [b"\0\4", b"\1\5", b"\2\6", b"\3"]
    assert [chunk.names for chunk in four] == [2, 2, 2, 1]
    (one,) = joined(chunks, 1)
    assert (sorted(one.data), one.records) == (list(range(7)), 7)
    assert len(chunks) == 7
