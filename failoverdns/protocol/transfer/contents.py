"""The content of a zone in the form in which it is sent: whole, and as the difference of serials.

A record is its owner name, TYPE, CLASS, TTL, RDLENGTH and RDATA.  The owner name is the labels
below the origin, followed by a compression pointer to offset 12: there the question of a zone
transfer has the origin (RFC 1035 section 4.1.4).  So the same bytes fit into any message of any
transfer of the zone, and records are joined and cut without being written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Chunk(NamedTuple):
    """Records of some names, with the number of these names and records."""

    data: bytes
    names: int
    records: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole content of a zone at one serial.

    `soa` is the SOA record; `chunks` have all other records, those of the apex first; `size` is
    the sum of their bytes.
    """

    origin: bytes
    soa: bytes
    chunks: tuple[Chunk, ...]
    names: int
    size: int

    @property
    def serial(self) -> int:
        """The serial number of the zone."""
        return serial_of(self.soa)


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes a zone from the serial of `old_soa` to that of `new_soa`.

    `deleted` and `added` are records without the SOA record.
    """

    old_soa: bytes
    new_soa: bytes
    deleted: bytes
    added: bytes

    @property
    def from_serial(self) -> int:
        """The serial number before."""
        return serial_of(self.old_soa)

    @property
    def to_serial(self) -> int:
        """The serial number after."""
        return serial_of(self.new_soa)

    @property
    def size(self) -> int:
        """The bytes of all records of an incremental zone transfer with this difference."""
        return 2 * (len(self.old_soa) + len(self.new_soa)) + len(self.deleted) + len(self.added)


def serial_of(soa: bytes) -> int:
    """Return the serial number of an SOA record."""
    return int.from_bytes(soa[-20:-16], "big")


def is_newer(serial: int, other: int) -> bool:
    """Return whether `serial` is greater than `other` (RFC 1982 section 3.2).

    Two numbers that are 2^31 apart have no order: neither is newer.
    """
    return 0 < (serial - other) % (1 << 32) < 1 << 31


def records_in(data: bytes) -> Iterator[bytes]:
    """Yield each record of joined records."""
    at, size = 0, len(data)
    while at < size:
        start = at
        while (length := data[at]) < 0xC0:
            at += 1 + length
        at += 12 + (data[at + 10] << 8 | data[at + 11])
        yield data[start:at]
