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

    `soa` is the SOA record; `chunks` have all other records: the first those of the apex, the
    others those of all other names, by a hash of the name.  `size` is the sum of their bytes.
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


def relative_name(record: bytes) -> bytes:
    """Return the labels of the owner name of a record below the origin; empty at the apex."""
    at = 0
    while (length := record[at]) < 0xC0:
        at += 1 + length
    return record[:at]


def blocks_in(data: bytes) -> dict[bytes, bytes]:
    """Return the records of each name, by its labels below the origin, in their order.

    The records of a name follow each other.
    """
    blocks: dict[bytes, bytes] = {}
    at, size = 0, len(data)
    begin, name = 0, b""
    while at < size:
        start = at
        while (length := data[at]) < 0xC0:
            at += 1 + length
        owner = data[start:at]
        if owner != name or start == 0:
            if start:
                blocks[name] = data[begin:start]
            begin, name = start, owner
        at += 12 + (data[at + 10] << 8 | data[at + 11])
    if size:
        blocks[name] = data[begin:]
    return blocks


def above(number: int) -> int:
    """Return the number of the chunk from which chunk `number`, at least 1, takes its names.

    Those of the chunk of the apex do not count.
    """
    return number ^ (1 << number.bit_length() - 1)


def join(chunk: Chunk, other: Chunk) -> Chunk:
    """Return a chunk with the records of two."""
    data, names, records = chunk
    return Chunk(data + other.data, names + other.names, records + other.records)


def joined(chunks: list[Chunk], count: int) -> list[Chunk]:
    """Return `count` chunks, at least 1, with the records of more, as if they had never grown."""
    chunks = list(chunks)
    while len(chunks) > count:
        last = chunks.pop()
        source = above(len(chunks))
        chunks[source] = join(chunks[source], last)
    return chunks
