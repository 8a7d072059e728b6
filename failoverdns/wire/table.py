"""The compiled table: what is served, ready to be sent.

One entry a name, which holds for each type that is there the *ready answer*: the bytes that follow
the question.  A delta replaces the entries that it touches and no others.
Knows which names exist: those with data, those reserved, and empty non-terminals (RFC 4592
section 2.2.2), and where zones are cut (RFC 9499, "zone cut").
Refuses to know queries: see `answering`.

Negative answers are ready but for their end, the SOA record of the zone, because its serial
number changes with every change in the zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from struct import pack
from typing import Final

from failoverdns.model.change import Delta, Node
from failoverdns.model.records import CNAME, NS, SOA, RRset
from failoverdns.wire.records import (
    IN,
    Answers,
    CompiledRRset,
    compile_answers,
    compile_records,
    type_key,
)

_NOTHING: Final[Answers] = {}
_CNAME, _NS, _SOA = type_key(CNAME), type_key(NS), type_key(SOA)


@dataclass(slots=True)
class Authority:
    """A zone: its origin in wire form and its SOA record, of which the TTL may be replaced."""

    origin: bytes
    soa: CompiledRRset

    @property
    def negative_ttl(self) -> bytes:
        """The TTL of negative answers for names without one of their own."""
        return self.soa.tail[6:10]

    @property
    def soa_rdata(self) -> bytes:
        """RDLENGTH and RDATA."""
        return self.soa.tail[10:]


@dataclass(slots=True)
class Entry:
    """What is served at a name; without answers it is reserved or an empty non-terminal.

    `ready` is `answers` where nothing but the entry is needed to answer, and empty elsewhere.
    `alias` is the answer for every type: a CNAME record that leads out of the zone.
    `negative` is the SOA record of NODATA up to its RDLENGTH, where a missing type is NODATA.
    `negative_ttl` in wire form; None where the zone's holds.
    `children` counts the names that exist directly below.
    """

    authority: Authority
    reserved: bool = False
    children: int = 0
    answers: Answers = field(default_factory=lambda: _NOTHING)
    ready: Answers = field(default_factory=lambda: _NOTHING)
    alias: CompiledRRset | None = None
    negative: bytes | None = None
    negative_ttl: bytes | None = None


class Table:
    """All names that are served, by wire form in lower case."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.authorities: dict[bytes, Authority] = {}
        self.chaos: dict[bytes, CompiledRRset] = {}
        self._cuts: set[bytes] = set()

    def apply(self, delta: Delta) -> None:
        """Take over a change, all of it at once."""
        cuts = set(self._cuts)
        for origin in delta.dropped:
            self._drop(origin.wire)
        for rrset in delta.authorities:
            self._set_authority(rrset)
        for owner in delta.removed:
            self._remove(owner.wire)
        self._put(delta.nodes)
        self._prepare_below(cuts ^ self._cuts)

    def fill(self, nodes: Iterable[Node]) -> None:
        """Put names in, or replace them; their zones are there already."""
        cuts = set(self._cuts)
        self._put(nodes)
        self._prepare_below(cuts ^ self._cuts)

    def _put(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            name = node.owner.wire
            authority = self.authorities[node.zone.wire]
            entry = self.entries.get(name) or self._create(name, authority)
            entry.reserved = True
            entry.negative_ttl = _ttl(node.negative_ttl)
            entry.answers = compile_answers(node.rrsets)
            if name == authority.origin:
                entry.answers = {**entry.answers, _SOA: authority.soa}
            self._note_cut(name, entry)
            self._prepare(name, entry)

    def zone_of(self, name: bytes) -> Authority | None:
        """Return the zone that a name (wire form, lower case) is in."""
        authorities = self.authorities
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

    def _set_authority(self, rrset: RRset) -> None:
        origin, soa = rrset.owner.wire, compile_records(rrset.records)
        authority = self.authorities.setdefault(origin, Authority(origin, soa))
        authority.soa = soa
        apex = self.entries.get(origin)
        if apex is not None:
            apex.answers = {**apex.answers, _SOA: soa}
            self._prepare(origin, apex)

    def _drop(self, origin: bytes) -> None:
        """Take out a zone and all its names; zones are configured, so rare."""
        authority = self.authorities.pop(origin, None)
        gone = [name for name, entry in self.entries.items() if entry.authority is authority]
        for name in gone:
            del self.entries[name]
        self._cuts.difference_update(gone)

    def _create(self, name: bytes, authority: Authority) -> Entry:
        """Make an entry, and the empty non-terminals above it."""
        entry = self.entries[name] = Entry(authority)
        if name != authority.origin:
            above = name[1 + name[0] :]
            parent = self.entries.get(above) or self._create(above, authority)
            parent.children += 1
        return entry

    def _remove(self, name: bytes) -> None:
        entry = self.entries.get(name)
        if entry is None:
            return
        entry.reserved, entry.negative_ttl, entry.answers = False, None, _NOTHING
        self._note_cut(name, entry)
        self._prepare(name, entry)
        while not entry.reserved and not entry.children:
            del self.entries[name]
            if name == entry.authority.origin:
                return
            name = name[1 + name[0] :]
            entry = self.entries[name]
            entry.children -= 1

    def _note_cut(self, name: bytes, entry: Entry) -> None:
        if _NS in entry.answers and name != entry.authority.origin:
            self._cuts.add(name)
        else:
            self._cuts.discard(name)

    def _prepare_below(self, cuts: set[bytes]) -> None:
        """Prepare again what a changed zone cut hides or shows; cuts are configured, so rare."""
        for name, entry in self.entries.items() if cuts else ():
            above = name
            while above not in cuts and len(above) > 1:
                above = above[1 + above[0] :]
            if above in cuts:
                self._prepare(name, entry)

    def _prepare(self, name: bytes, entry: Entry) -> None:
        """Decide what of an entry is ready: all, unless the answer takes more than the entry."""
        authority = entry.authority
        entry.ready, entry.alias, entry.negative = _NOTHING, None, None
        if not entry.reserved or self.cut_above(name, authority.origin) is not None:
            return
        entry.ready = entry.answers
        cname = entry.answers.get(_CNAME)
        if cname is None:
            offset = 12 + len(name) - len(authority.origin)
            entry.negative = _negative(offset, entry.negative_ttl or authority.negative_ttl)
        elif self.zone_of(target_of(cname)) is not authority:
            entry.alias = cname


def target_of(cname: CompiledRRset) -> bytes:
    """Return the name that a CNAME record points at, in wire form and lower case."""
    return cname.tail[12:].lower()


@lru_cache(maxsize=64)
def _ttl(seconds: int) -> bytes:
    return pack(">I", seconds)


@lru_cache(maxsize=1024)
def _negative(offset: int, ttl: bytes) -> bytes:
    """Return an SOA record up to its RDLENGTH, its owner a pointer into the question."""
    return pack(">HHH", 0xC000 | offset, SOA, IN) + ttl
