"""Deltas as bytes: the changes of served names and zones, compiled once for all tables.

    delta   = operation ...                       applied in order, all of them or none
    "D"     origin                                remove a zone and all its names
    "Z"     origin, length (4), SOA               add a zone, or replace its SOA
    "R"     owner                                 remove a name
    "N"     owner, size of origin (1),            set everything that is served at a name
            negative TTL (4), length (4), RRsets
    RRsets  = (type (2), record count (2), length (4), answer section) ...

Names are in uncompressed wire form and lower case; the size of the origin marks the end of the
owner name that is the origin of its zone.  An answer section is that of a reply whose question has
the owner name; the SOA is such a section, too.  Numbers are in network order.

This module writes and checks deltas; `python_table` and `failoverdns/native` apply them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.model.change import Delta, Node
from failoverdns.model.errors import Malformed
from failoverdns.model.records import CNAME, RRset
from failoverdns.protocol.records import Answers, CompiledRRset, compile_records, counts, type_key

_DROP, _ZONE, _REMOVE, _NODE = b"DZRN"
_LENGTH: Final = Struct(">I")
_NODE_HEAD: Final = Struct(">BII")
_RRSET_HEAD: Final = Struct(">HHI")
PART: Final = 500
"""Names in a part: a table needs less than a millisecond for it, and answers between two parts."""

_MOST_CACHED: Final = 1 << 12
"""Bytes of the RRsets of a name whose reading is cached; a name may have 64 KiB and more."""

_MOST_SHARED: Final = 1 << 16
"""Tuples of RRsets whose bytes are cached while nodes are written."""


WriteRRsets = Callable[[tuple[RRset, ...]], bytes]
"""Writes the RRsets of a name: with the TTLs that are served, or with those that are stored."""

Shared = dict[int, tuple[tuple[RRset, ...], bytes]]
"""The bytes of tuples of RRsets by `id()` of the tuple, which is kept to keep its `id()` valid."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A zone that is removed with all its names."""

    origin: bytes


@dataclass(frozen=True, slots=True)
class Put:
    """A zone that is added, or gets a new SOA, which is an answer section of one record."""

    origin: bytes
    soa: bytes


@dataclass(frozen=True, slots=True)
class Removed:
    """A name that is removed."""

    owner: bytes


@dataclass(frozen=True, slots=True)
class ServedNames:
    """Everything that is served at a name; `negative_ttl` in wire form, `rrsets` as in a delta."""

    owner: bytes
    origin: bytes
    negative_ttl: bytes
    rrsets: bytes


DeltaOperation = Dropped | Put | Removed | ServedNames


def write_delta(delta: Delta) -> bytes:
    """Return the bytes of a delta: removed zones, zones, removed names, names."""
    return b"".join(write_parts(delta))


def write_parts(delta: Delta, size: int = PART, write: WriteRRsets | None = None) -> list[bytes]:
    """Return the bytes of a delta in parts of `size` names; all but the last can be staged.

    `write` writes the RRsets of names; it is `write_rrsets` by default.
    """
    write = write or write_rrsets
    first = [b"D" + origin.wire for origin in delta.dropped]
    for rrset in delta.authorities:
        soa = compile_records(rrset.records).tail
        first += (b"Z", rrset.owner.wire, _LENGTH.pack(len(soa)), soa)
    first += [b"R" + owner.wire for owner in delta.removed]
    names = delta.nodes
    nodes = [write_nodes(names[at : at + size], write=write) for at in range(0, len(names), size)]
    if delta.static is not None:
        return [b"".join(first), *delta.static.removed, *delta.static.served, *nodes]
    return [b"".join(first + nodes[:1]), *nodes[1:]]


def write_swap(delta: Delta) -> bytes:
    """Return the bytes of a delta for a table that has the new static records already.

    It sets those again that a delta may have replaced since.
    """
    again = delta.static.again if delta.static is not None else b""
    return write_delta(replace(delta, static=None)) + again


def write_static(origin: bytes, negative_ttl: int, names: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the bytes of a delta that sets names of a zone to RRsets that are in wire form.

    `names` are owner names with the RRsets of each.
    """
    size, parts = len(origin), list[bytes]()
    for owner, rrsets in names:
        parts += (b"N", owner, _NODE_HEAD.pack(size, negative_ttl, len(rrsets)), rrsets)
    return b"".join(parts)


def write_removals(owners: Iterable[bytes]) -> bytes:
    """Return the bytes of a delta that removes names."""
    return b"".join([b"R" + owner for owner in owners])


def write_nodes(
    nodes: Iterable[Node], shared: Shared | None = None, write: WriteRRsets | None = None
) -> bytes:
    """Return the bytes of a delta that sets names; `write` is `write_rrsets` by default.

    Names with the same tuple of RRsets (the same object), as those of a group, share its bytes.
    To share them between several deltas, pass the same `shared`, which is empty at first.
    """
    parts: list[bytes] = []
    write = write or write_rrsets
    shared = {} if shared is None else shared
    for node in nodes:
        found = shared.get(id(node.rrsets))
        if found is None:
            if len(shared) == _MOST_SHARED:
                shared.clear()
            found = shared[id(node.rrsets)] = (node.rrsets, write(node.rrsets))
        rrsets = found[1]
        head = _NODE_HEAD.pack(len(node.zone.wire), node.negative_ttl, len(rrsets))
        parts += (b"N", node.owner.wire, head, rrsets)
    return b"".join(parts)


def write_rest(
    rrsets: tuple[RRset, ...], size: int, negative_ttl: int, write: WriteRRsets | None = None
) -> bytes:
    """Return the bytes that follow the owner in an "N" operation.

    `size` is the size of the zone's origin in wire form, in bytes; `write` is `write_rrsets` by
    default.
    """
    written = (write or write_rrsets)(rrsets)
    return _NODE_HEAD.pack(size, negative_ttl, len(written)) + written


@lru_cache(maxsize=1 << 12)
def write_rrsets(rrsets: tuple[RRset, ...]) -> bytes:
    """Return the RRsets of a name as a delta has them (records as in RFC 1035 section 3.2.1)."""
    parts = []
    for records in rrsets:
        compiled = compile_records(records)
        parts.append(_RRSET_HEAD.pack(records.rtype, len(records.data), len(compiled.tail)))
        parts.append(compiled.tail)
    return b"".join(parts)


def write_stored_rrsets(rrsets: tuple[RRset, ...]) -> bytes:
    """Return the RRsets of a name as `write_rrsets` does, with the TTLs of zone transfers."""
    if all(one.stored_ttl is None for one in rrsets):
        return write_rrsets(rrsets)
    return write_rrsets(tuple([one.as_stored for one in rrsets]))


def read_delta(delta: bytes) -> list[DeltaOperation]:
    """Return the operations of a delta; raises Malformed if any of it is invalid."""
    operations: list[DeltaOperation] = []
    at = 0
    try:
        while at < len(delta):
            kind, (name, at) = delta[at], _name(delta, at + 1)
            if kind == _NODE:
                size, _, length = _NODE_HEAD.unpack_from(delta, at)
                ttl, rrsets = delta[at + 1 : at + 5], delta[at + 9 : at + 9 + length]
                at += 9 + length
                origin = name[len(name) - size :]
                if not size or size > len(name) or not _is_suffix(name, len(name) - size):
                    raise Malformed("a name that is not in its zone")
                read_rrsets(rrsets)
                operations.append(ServedNames(name, origin, ttl, rrsets))
            elif kind == _ZONE:
                (length,) = _LENGTH.unpack_from(delta, at)
                soa = delta[at + 4 : at + 4 + length]
                at += 4 + length
                if length < 12 or length != 12 + int.from_bytes(soa[10:12], "big"):
                    raise Malformed("an SOA that is not one record")
                operations.append(Put(name, soa))
            elif kind in (_REMOVE, _DROP):
                operations.append(Removed(name) if kind == _REMOVE else Dropped(name))
            else:
                raise Malformed(f"an operation of unknown kind {kind}")
    except (IndexError, StructError):
        raise Malformed("cut short") from None
    if at != len(delta):
        raise Malformed("cut short")
    return operations


def read_rrsets(rrsets: bytes) -> Answers:
    """Read the RRsets of a name from a delta; raises Malformed.

    The result is cached, unless it is large: the names of a group follow each other and share it.
    """
    return _cached_rrsets(rrsets) if len(rrsets) <= _MOST_CACHED else _read_rrsets(rrsets)


@lru_cache(maxsize=1 << 12)
def _cached_rrsets(rrsets: bytes) -> Answers:
    return _read_rrsets(rrsets)


def _read_rrsets(rrsets: bytes) -> Answers:
    answers = {}
    at = 0
    while at < len(rrsets):
        try:
            rtype, records, length = _RRSET_HEAD.unpack_from(rrsets, at)
        except StructError:
            raise Malformed("RRsets cut short") from None
        tail = rrsets[at + 8 : at + 8 + length]
        at += 8 + length
        if at > len(rrsets) or not _is_section(tail, records, rtype):
            raise Malformed("an RRset that does not match its record count")
        answers[type_key(rtype)] = CompiledRRset(rtype, tail, counts(records))
    return answers


def _name(delta: bytes, at: int) -> tuple[bytes, int]:
    """Return the name at `at`, and the offset after it."""
    start = at
    while length := delta[at]:
        at += 1 + length
        if length > 63 or at - start > 254:
            raise Malformed("an invalid domain name")
    return delta[start : at + 1], at + 1


def _is_suffix(name: bytes, at: int) -> bool:
    """Return whether a label of the name, or its root, begins at `at`."""
    step = 0
    while step < at:
        step += 1 + name[step]
    return step == at


def _is_section(tail: bytes, records: int, rtype: int) -> bool:
    """Return whether bytes are `records` whole records, at least one, with a pointer as the owner.

    The data of a CNAME record must be one whole name.
    """
    at = 0
    is_right = records > 0
    while at + 12 <= len(tail) and records:
        start, at = at + 12, at + 12 + int.from_bytes(tail[at + 10 : at + 12], "big")
        is_right = is_right and (rtype != CNAME or _is_name(tail[start:at]))
        records -= 1
    return is_right and at == len(tail) and not records


def _is_name(data: bytes) -> bool:
    """Return whether bytes are one whole name, which ends in the root label."""
    with suppress(Malformed, IndexError):
        return _name(data, 0)[1] == len(data)
    return False
