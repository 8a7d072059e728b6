"""The table in pure Python: one object per name, which holds the *ready answer* for each type.

Negative answers are ready except for the end, the RDATA of the zone's SOA record, because the
serial number changes with every change of the zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from struct import pack
from typing import Final

from failoverdns.model.numbers import Rcode, RRType
from failoverdns.model.records import CNAME, NS, SOA
from failoverdns.protocol.records import (
    BESIDE_CNAME,
    IN,
    Answers,
    CompiledRRset,
    counts,
    target_of,
    type_key,
)
from failoverdns.protocol.reply import (
    OPT_DNSSEC_OK,
    OPT_PLAIN,
    PLAIN_UDP_PAYLOAD,
    TCP_PAYLOAD,
    UDP_PAYLOAD,
)
from failoverdns.protocol.table.deltas import (
    DeltaOperation,
    Dropped,
    Put,
    Removed,
    ServedNames,
    read_delta,
    read_rrsets,
)
from failoverdns.protocol.table.table import Authority, Entry

_NOTHING: Final[Answers] = {}
_CNAME, _NS, _SOA = type_key(CNAME), type_key(NS), type_key(SOA)

_ORDINARY: Final = frozenset(
    pack(">HH", rtype, IN) for rtype in range(1, 128) if rtype != RRType.OPT
)
"""Types, in wire form and class IN, that are answered with NODATA where they do not exist."""

_TO_CNAME: Final = _ORDINARY - {pack(">HH", rtype, IN) for rtype in BESIDE_CNAME}
"""Those of them that a CNAME record answers."""

_SHAPES: Final = {
    bytes((high, low, 0, 1, 0, 0, 0, 0, 0, edns)): (pack(">H", 0x8400 | high << 8), bool(edns))
    for high in (0x00, 0x01)  # RD, which is copied
    for low in (0x00, 0x10, 0x20, 0x30)  # AD and CD, which an authoritative server ignores
    for edns in (0, 1)
}
"""Flags and counts of an ordinary query: the flags of its answer, and whether it has EDNS."""

_NXDOMAIN: Final = bytes((Rcode.NXDOMAIN,))
_COUNTS_NEGATIVE: Final = b"\0\1\0\0\0\1\0\0", b"\0\1\0\0\0\1\0\1"
"""Counts of a reply with an SOA record and no answer, without and with OPT."""


@dataclass(slots=True)
class _Name:
    """Everything that is served at a name; without answers it is an empty non-terminal or reserved.

    `ready` is the same as `answers` if the name alone decides the answer, and else empty.
    `alias` is the answer for (almost) every type: a CNAME record that leads out of the zone.
    `negative` is the SOA record of NODATA up to its RDLENGTH, if a missing type gets NODATA.
    `negative_ttl` is in wire form, None for that of the zone.
    `children` is the number of names that exist directly below.
    """

    authority: Authority
    reserved: bool = False
    children: int = 0
    answers: Answers = field(default_factory=lambda: _NOTHING)
    ready: Answers = field(default_factory=lambda: _NOTHING)
    alias: CompiledRRset | None = None
    negative: bytes | None = None
    negative_ttl: bytes | None = None


class PythonTable:
    """Implements `protocol.table.table.Table`."""

    def __init__(self) -> None:
        self._names: dict[bytes, _Name] = {}
        self._authorities: dict[bytes, Authority] = {}
        self._cuts: set[bytes] = set()
        self._staged: list[DeltaOperation] = []

    def __len__(self) -> int:
        return len(self._names)

    def ready_answer(self, packet: bytes, *, udp: bool) -> bytes | None:
        """Return the reply to a packet if there is a ready answer, else None.

        Only for queries of header, question, and at most an OPT record without options: then the
        bytes between header and QTYPE are looked up in the table without being parsed.  Making
        them lower case is safe, because no length byte of a label is a letter.
        """
        shape = _SHAPES.get(packet[2:12])
        if shape is None:
            return None
        flags, edns = shape
        if not edns:
            end, payload, opt = len(packet), PLAIN_UDP_PAYLOAD, b""
        else:
            end = len(packet) - 11
            if packet[end : end + 3] != b"\0\0)" or packet[end + 5 : end + 7] != b"\0\0":
                return None
            if packet[end + 9 :] != b"\0\0":
                return None
            payload = int.from_bytes(packet[end + 3 : end + 5], "big")
            opt = OPT_DNSSEC_OK if packet[end + 7] & 0x80 else OPT_PLAIN
        owner, kind = packet[12 : end - 4].lower(), packet[end - 4 : end]
        name = self._names.get(owner)
        if name is None:
            nxdomain = self._nxdomain(owner) if kind in _ORDINARY else None
            if nxdomain is None:
                return None
            head = packet[:2] + flags[:1] + _NXDOMAIN + _COUNTS_NEGATIVE[edns]
            reply = head + packet[12:end] + nxdomain + opt
        else:
            found = name.ready.get(kind)
            if found is None and kind in _TO_CNAME:
                found = name.alias
            if found is not None:
                head = packet[:2] + flags + found.counts[edns]
                reply = head + packet[12:end] + found.tail + opt
            elif name.negative is not None and kind in _ORDINARY:
                head = packet[:2] + flags + _COUNTS_NEGATIVE[edns]
                reply = head + packet[12:end] + name.negative + name.authority.soa.tail[10:] + opt
            else:
                return None
        size = len(reply)
        if size > PLAIN_UDP_PAYLOAD and size > (min(payload, UDP_PAYLOAD) if udp else TCP_PAYLOAD):
            return None
        return reply

    def _nxdomain(self, owner: bytes) -> bytes | None:
        """Return the SOA record of an NXDOMAIN answer, or None if that needs the slow path.

        None if `owner` is an invalid name or in no zone, or if a wildcard or a zone cut covers it.
        """
        at = 0
        while at < len(owner) and 0 < (length := owner[at]) < 64:
            at += 1 + length
            above = owner[at:]
            if above not in self._names:
                continue
            authority = self.zone_of(above)
            if (
                authority is None
                or len(owner) > 255
                or b"\1*" + above in self._names
                or self.cut_above(above, authority.origin) is not None
            ):
                return None
            offset = 12 + len(owner) - len(authority.origin)
            return _negative(offset, authority.negative_ttl) + authority.soa.tail[10:]
        return None

    def find(self, name: bytes) -> Entry | None:
        """Return the entry of a name, or None if the name does not exist."""
        found = self._names.get(name)
        if found is None:
            return None
        return Entry(found.authority.origin, found.answers, found.negative_ttl)

    def zone_of(self, name: bytes) -> Authority | None:
        """Return the zone of a name, or None."""
        authorities = self._authorities
        while (authority := authorities.get(name)) is None and len(name) > 1:
            name = name[1 + name[0] :]
        return authority

    def cut_above(self, name: bytes, origin: bytes) -> bytes | None:
        """Return the highest zone cut at or above `name` and below `origin`."""
        found = None
        if self._cuts:
            while len(name) > len(origin):
                if name in self._cuts:
                    found = name
                name = name[1 + name[0] :]
        return found

    def stage(self, part: bytes) -> None:
        """Take a part of a delta before the rest; raises Malformed."""
        self._staged += read_delta(part)

    def apply(self, delta: bytes) -> None:
        """Apply a delta as a whole; raises Malformed."""
        operations = self._staged + read_delta(delta)
        self._staged = []
        cuts = set(self._cuts)
        for operation in operations:
            match operation:
                case Dropped(origin):
                    self._drop(origin)
                case Put(origin, soa):
                    self._put_zone(origin, CompiledRRset(SOA, soa, counts(1)))
                case Removed(owner):
                    self._remove(owner)
                case ServedNames():
                    self._put(operation)
        self._prepare_below(cuts ^ self._cuts)

    def _put(self, served: ServedNames) -> None:
        authority = self._authorities.get(served.origin)
        if authority is None:
            return  # the zone was removed
        name = self._names.get(served.owner) or self._create(served.owner, authority)
        name.reserved = True
        name.negative_ttl = served.negative_ttl
        name.answers = read_rrsets(served.rrsets)
        if served.owner == authority.origin:
            name.answers = {**name.answers, _SOA: authority.soa}
        self._note_cut(served.owner, name)
        self._prepare(served.owner, name)

    def _put_zone(self, origin: bytes, soa: CompiledRRset) -> None:
        authority = self._authorities.setdefault(origin, Authority(origin, soa))
        authority.soa = soa
        apex = self._names.get(origin) or self._create(origin, authority)
        apex.answers = {**apex.answers, _SOA: soa}
        self._prepare(origin, apex)

    def _drop(self, origin: bytes) -> None:
        """Remove a zone and all names at and below its origin.

        It walks the whole table, which is fine: zones change only with the configuration.
        """
        if origin not in self._authorities:
            return
        gone = [name for name in self._names if _is_within(name, origin)]
        for name in gone:
            del self._names[name]
            self._authorities.pop(name, None)
        self._cuts.difference_update(gone)

    def _create(self, owner: bytes, authority: Authority) -> _Name:
        """Create a name, and the empty non-terminals above it."""
        name = self._names[owner] = _Name(authority)
        if owner != authority.origin:
            above = owner[1 + owner[0] :]
            parent = self._names.get(above) or self._create(above, authority)
            parent.children += 1
        return name

    def _remove(self, owner: bytes) -> None:
        name = self._names.get(owner)
        if name is None:
            return
        origin = name.authority.origin
        name.reserved, name.negative_ttl, name.answers = False, None, _NOTHING
        if owner == origin:
            name.answers = {_SOA: name.authority.soa}
        self._note_cut(owner, name)
        self._prepare(owner, name)
        while not (name.reserved or name.children or owner in self._authorities):
            del self._names[owner]
            owner = owner[1 + owner[0] :]
            name = self._names[owner]
            name.children -= 1

    def _note_cut(self, owner: bytes, name: _Name) -> None:
        if _NS in name.answers and owner != name.authority.origin:
            self._cuts.add(owner)
        else:
            self._cuts.discard(owner)

    def _prepare_below(self, cuts: set[bytes]) -> None:
        """Prepare the names below changed zone cuts again.

        It walks the whole table, which is fine: cuts change only with the configuration.
        """
        for owner, name in self._names.items() if cuts else ():
            above = owner
            while above not in cuts and len(above) > 1:
                above = above[1 + above[0] :]
            if above in cuts:
                self._prepare(owner, name)

    def _prepare(self, owner: bytes, name: _Name) -> None:
        """Set the ready answers of a name: all, unless an answer depends on other names."""
        origin = name.authority.origin
        name.ready, name.alias, name.negative = _NOTHING, None, None
        if not name.reserved or self.cut_above(owner, origin) is not None:
            return
        name.ready = name.answers
        cname = name.answers.get(_CNAME)
        if cname is None:
            assert name.negative_ttl is not None
            name.negative = _negative(12 + len(owner) - len(origin), name.negative_ttl)
        elif not target_of(cname).endswith(origin):
            name.alias = cname


def _is_within(name: bytes, origin: bytes) -> bool:
    """Return whether a name is at or below `origin`."""
    if not name.endswith(origin):
        return False
    while len(name) > len(origin):
        name = name[1 + name[0] :]
    return name == origin


@lru_cache(maxsize=1024)
def _negative(offset: int, ttl: bytes) -> bytes:
    """Return an SOA record up to its RDLENGTH, with a pointer into the question as its owner."""
    return pack(">HHH", 0xC000 | offset, SOA, IN) + ttl
