"""The image of a zone: all its records in the form in which they are sent.

An image is filled and changed by the same deltas as the tables of answering processes.  Names are
spread over chunks by a hash of the owner name: a chunk is immutable bytes with the records of some
24 names.  A change rewrites the chunks of its names and leaves all others, so a snapshot is a
tuple of chunks that costs nothing to keep, and all zone transfers at one serial share it.

The chunks grow in number with the names, one at a time (linear hashing): chunk `n` takes its names
from the chunk whose number lacks its highest bit.  Records of the apex have a chunk of their own,
the first one, and the SOA record is kept by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from siphashc import siphash

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import RRType
from failoverdns.protocol.records import POINTER_TO_QUESTION
from failoverdns.protocol.table.deltas import DeltaOperation, Put, Removed, ServedNames, read_rrsets
from failoverdns.protocol.transfer.contents import (
    Chunk,
    Difference,
    Snapshot,
    above,
    blocks_in,
    join,
    records_in,
    relative_name,
)

MOST_NAMES: Final = 32
"""Average number of names in a chunk at which another chunk is added."""

LEAST_NAMES: Final = 8
"""Average number of names in a chunk at which a chunk is removed."""

_MOST_CACHED: Final = 1 << 12
"""Bytes of the RRsets of a name whose records are cached."""

_Wanted = dict[bytes, tuple[bytes, int]]
"""The records that names get, and their number, by the labels of a name below the origin."""

_APEX: Final = -1
"""The number of the chunk with the records of the apex."""

_NOTHING: Final = b"", 0
_EMPTY: Final = Chunk(b"", 0, 0)
_SOA: Final = RRType.SOA.value


class ZoneImage:
    """The records of one zone, which change by deltas, and snapshots of them.

    `origin` is in wire form and lower case; `key` are 16 random bytes, which spread owner names
    over chunks in a way that nobody else can foresee.
    """

    def __init__(self, origin: bytes, key: bytes) -> None:
        self.origin = origin
        self.key = key
        self.names = 0
        self.size = 0
        self._soa: bytes | None = None
        self._apex = _EMPTY
        self._chunks = [_EMPTY]

    @classmethod
    def restored(cls, snapshot: Snapshot, key: bytes) -> ZoneImage:
        """Return the image whose snapshot this is; `key` must be that of the image it came from."""
        image = cls(snapshot.origin, key)
        image.names, image.size = snapshot.names, snapshot.size
        image._soa = snapshot.soa
        image._apex, *image._chunks = snapshot.chunks
        return image

    def apply(self, operations: Iterable[DeltaOperation]) -> Difference | None:
        """Apply the operations of one delta that concern this zone, and return what they changed.

        None if nothing changed, or if the zone had no SOA record before.  Operations are `Put`
        (the SOA record), `Removed` and `ServedNames`; a name that is removed and not there changes
        nothing.  While a zone is filled the result is ignored.
        """
        size = len(self.origin)
        wanted: _Wanted = {}
        old_soa = self._soa
        for operation in operations:
            if isinstance(operation, ServedNames):
                name = operation.owner[:-size]
                records = _records(operation.rrsets)
                wanted[name] = name + name.join(records) if records else b"", len(records)
            elif isinstance(operation, Removed):
                wanted[operation.owner[:-size]] = _NOTHING
            elif isinstance(operation, Put):
                self._soa = operation.soa
        deleted, added = self._set(wanted)
        soa = self._soa
        if old_soa is None or soa is None or (soa == old_soa and not deleted and not added):
            return None
        return Difference(old_soa, soa, deleted, added)

    @property
    def soa(self) -> bytes:
        """The SOA record; empty before there is one."""
        return self._soa or b""

    def apply_difference(self, difference: Difference) -> None:
        """Apply a difference that begins at the present serial.

        Raises Malformed if it deletes records that the zone does not have, or adds some that it
        has; then the image must not be used any more.
        """
        if self._soa != difference.old_soa:
            raise Malformed("a difference from another SOA record")
        changes: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
        for record in records_in(difference.deleted):
            changes.setdefault(relative_name(record), ([], []))[0].append(record)
        for record in records_in(difference.added):
            changes.setdefault(relative_name(record), ([], []))[1].append(record)
        wanted: _Wanted = {}
        blocks: dict[int, dict[bytes, bytes]] = {}
        for name, (deleted, added) in changes.items():
            number = self._number(name)
            if number not in blocks:
                blocks[number] = blocks_in(self._chunk(number).data)
            records = dict.fromkeys(records_in(blocks[number].get(name, b"")))
            for record in deleted:
                if record not in records:
                    raise Malformed("a difference that deletes a record which is not there")
                del records[record]
            for record in added:
                if record in records:
                    raise Malformed("a difference that adds a record which is there")
                records[record] = None
            wanted[name] = b"".join(records), len(records)
        self._set(wanted)
        self._soa = difference.new_soa

    def snapshot(self) -> Snapshot:
        """Return the content at this moment, which later changes do not change.

        The zone must have its SOA record.
        """
        if self._soa is None:
            raise ValueError("a zone without its SOA record has no snapshot")
        chunks = (self._apex, *self._chunks)
        return Snapshot(self.origin, self._soa, chunks, self.names, self.size)

    def _number(self, name: bytes) -> int:
        """Return the number of the chunk of a name."""
        if not name:
            return _APEX
        chunks = len(self._chunks)
        number = siphash(self.key, name) & ((1 << chunks.bit_length()) - 1)
        return number if number < chunks else above(number)

    def _chunk(self, number: int) -> Chunk:
        return self._apex if number < 0 else self._chunks[number]

    def _set(self, wanted: _Wanted) -> tuple[bytes, bytes]:
        """Set names to records and their number; return the deleted and the added records."""
        by_chunk: dict[int, _Wanted] = {}
        key, chunks = self.key, len(self._chunks)
        mask = (1 << chunks.bit_length()) - 1
        for name, block in wanted.items():  # `_number` written out, for the sake of speed
            number = siphash(key, name) & mask if name else _APEX
            if number >= chunks:
                number = above(number)
            if number in by_chunk:
                by_chunk[number][name] = block
            else:
                by_chunk[number] = {name: block}
        deleted: list[bytes] = []
        added: list[bytes] = []
        for number, some in by_chunk.items():
            chunk = self._apex if number < 0 else self._chunks[number]
            data = chunk.data
            for name in some:
                if name + POINTER_TO_QUESTION in data:
                    new = _rewritten(chunk, some, deleted, added)
                    break
            else:
                new = _extended(chunk, some, added)
            self.names += new.names - chunk.names
            self.size += len(new.data) - len(data)
            if number < 0:
                self._apex = new
            else:
                self._chunks[number] = new
        self._adjust()
        return b"".join(deleted), b"".join(added)

    def _adjust(self) -> None:
        """Add or remove chunks until their number suits the number of names."""
        chunks = self._chunks
        while self.names > MOST_NAMES * len(chunks):
            number = len(chunks)
            chunks.append(_EMPTY)
            source = above(number)
            chunks[source], chunks[number] = self._split(chunks[source])
        while len(chunks) > 1 and self.names < LEAST_NAMES * len(chunks):
            last = chunks.pop()
            number = len(chunks)
            source = above(number)
            chunks[source] = join(chunks[source], last)

    def _split(self, chunk: Chunk) -> tuple[Chunk, Chunk]:
        """Return the part of a chunk that stays, and the part that the newest chunk takes."""
        key, data, newest = self.key, chunk.data, len(self._chunks) - 1
        mask = (1 << newest.bit_length()) - 1
        stays: list[bytes] = []
        goes: list[bytes] = []
        names = 0
        at, size, last, part = 0, len(data), b"", stays
        while at < size:
            start = at
            while (length := data[at]) < 0xC0:
                at += 1 + length
            name = data[start:at]
            at += 12 + (data[at + 10] << 8 | data[at + 11])
            if name != last:
                last, part = name, stays
                if siphash(key, name) & mask == newest:
                    part = goes
                    names += 1
            part.append(data[start:at])
        moved = Chunk(b"".join(goes), names, len(goes))
        return Chunk(b"".join(stays), chunk.names - names, len(stays)), moved


def _extended(chunk: Chunk, wanted: _Wanted, added: list[bytes]) -> Chunk:
    """Return a chunk with names that it does not have yet; note their records in `added`."""
    data, names, records = chunk
    for block, count in wanted.values():
        if count:
            data += block
            names += 1
            records += count
            added.append(block)
    return Chunk(data, names, records)


def _rewritten(chunk: Chunk, wanted: _Wanted, deleted: list[bytes], added: list[bytes]) -> Chunk:
    """Return a chunk with other records at some names; note what changes."""
    blocks = blocks_in(chunk.data)
    count = chunk.records
    for name, (block, records) in wanted.items():
        before = blocks.get(name, b"")
        if block == before:
            continue
        old, new = dict.fromkeys(records_in(before)), dict.fromkeys(records_in(block))
        deleted += [record for record in old if record not in new]
        added += [record for record in new if record not in old]
        count += records - len(old)
        if records:
            blocks[name] = block
        else:
            del blocks[name]
    return Chunk(b"".join(blocks.values()), len(blocks), count)


def _records(rrsets: bytes) -> tuple[bytes, ...]:
    """Return the records of a name, each from its pointer to the question, without SOA.

    The result is cached, unless it is large: the names of a group follow each other and share it.
    """
    return _cached_records(rrsets) if len(rrsets) <= _MOST_CACHED else _read_records(rrsets)


@lru_cache(maxsize=1 << 12)
def _cached_records(rrsets: bytes) -> tuple[bytes, ...]:
    return _read_records(rrsets)


def _read_records(rrsets: bytes) -> tuple[bytes, ...]:
    found = (answer for answer in read_rrsets(rrsets).values() if answer.rtype != _SOA)
    records = (POINTER_TO_QUESTION + record for answer in found for record in answer.records())
    return tuple(dict.fromkeys(records))
