"""The compiled table: what is served, ready to be sent.

One entry a name: its RRsets in wire form, and for each type that it has the *ready answer*: the
bytes that follow the question.  A delta replaces the entries that it touches and no others.
Knows which names exist: those with data, those reserved, and empty non-terminals (RFC 4592
section 2.2.2), and where zones are cut (RFC 9499, "zone cut").
Refuses to know queries: see `answering`.

Negative answers are ready but for their end, the SOA record of the zone, because its serial
number changes with every change in the zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import pack

from failoverdns.model.change import Delta, Node
from failoverdns.model.records import CNAME, NS, SOA, RRset
from failoverdns.wire.records import CompiledRRset, compile_rrset

POINTER_TO_QUESTION = b"\xc0\x0c"
"""A compression pointer (RFC 1035 section 4.1.4) to offset 12, where the question begins."""


@dataclass(slots=True)
class Ready:
    """An answer but for its id, flags and question.

    `counts` of the four sections without OPT, `counts_edns` with it; `size` of the whole message
    in bytes, OPT left out.
    """

    counts: bytes
    counts_edns: bytes
    tail: bytes
    size: int


@dataclass(slots=True)
class Authority:
    """A zone's SOA record, cut so that a name's own negative TTL can stand in it."""

    rrset: CompiledRRset

    @property
    def origin(self) -> bytes:
        """The zone's name in wire form."""
        return self.rrset.owner

    @property
    def negative_ttl(self) -> bytes:
        """The TTL of negative answers for names without one of their own."""
        return self.rrset.records[0][4:8]

    @property
    def rdata(self) -> bytes:
        """RDLENGTH and RDATA."""
        return self.rrset.records[0][8:]


@dataclass(slots=True)
class Entry:
    """What is served at a name; without RRsets it is reserved or an empty non-terminal.

    `ready` is keyed by QTYPE and QCLASS in wire form; what is not in it takes the slow path or is
    `alias` (a CNAME that leads out of the zone answers every type) or NODATA with `negative`, the
    SOA record up to its RDLENGTH.
    `children` counts the names that exist directly below.
    """

    authority: Authority
    reserved: bool = False
    children: int = 0
    negative_ttl: bytes | None = None
    rrsets: dict[int, CompiledRRset] = field(default_factory=dict)
    ready: dict[bytes, Ready] = field(default_factory=dict)
    alias: Ready | None = None
    negative: bytes | None = None


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
        for rrset in delta.authorities:
            self._set_authority(rrset)
        for owner in delta.removed:
            self._remove(owner.wire)
        self.fill(delta.nodes)
        for origin in delta.dropped:
            self._remove(origin.wire)
            self.authorities.pop(origin.wire, None)
        if cuts != self._cuts:
            self._compile_below(cuts ^ self._cuts)

    def fill(self, nodes: Iterable[Node]) -> None:
        """Put names in, or replace them; their zones are there already."""
        for node in nodes:
            name = node.owner.wire
            authority = self.authorities[node.zone.wire]
            entry = self.entries.get(name) or self._create(name, authority)
            entry.reserved = True
            entry.negative_ttl = pack(">I", node.negative_ttl)
            entry.rrsets = {rrset.rtype: compile_rrset(rrset) for rrset in node.rrsets}
            if name == authority.origin:
                entry.rrsets[SOA] = authority.rrset
            self._note_cut(name, entry)
            self._compile(name, entry)

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

    def _set_authority(self, soa: RRset) -> None:
        compiled = compile_rrset(soa)
        authority = self.authorities.setdefault(compiled.owner, Authority(compiled))
        authority.rrset = compiled
        apex = self.entries.get(compiled.owner)
        if apex is not None:
            apex.rrsets[SOA] = compiled
            self._compile(compiled.owner, apex)

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
        entry.reserved, entry.negative_ttl = False, None
        entry.rrsets = {}
        self._note_cut(name, entry)
        self._compile(name, entry)
        while not entry.reserved and not entry.children:
            del self.entries[name]
            if name == entry.authority.origin:
                return
            name = name[1 + name[0] :]
            entry = self.entries[name]
            entry.children -= 1

    def _note_cut(self, name: bytes, entry: Entry) -> None:
        if NS in entry.rrsets and name != entry.authority.origin:
            self._cuts.add(name)
        else:
            self._cuts.discard(name)

    def _compile_below(self, cuts: set[bytes]) -> None:
        """Compile again what a changed zone cut hides or shows; cuts are configured, so rare."""
        for name, entry in self.entries.items():
            above = name
            while above not in cuts and len(above) > 1:
                above = above[1 + above[0] :]
            if above in cuts:
                self._compile(name, entry)

    def _compile(self, name: bytes, entry: Entry) -> None:
        """Make the ready answers of an entry; none where the answer takes more than the entry."""
        entry.ready, entry.alias, entry.negative = {}, None, None
        if not entry.reserved or self.cut_above(name, entry.authority.origin):
            return
        entry.ready = {
            pack(">HH", rtype, 1): _ready(len(name), rrset.records)
            for rtype, rrset in entry.rrsets.items()
        }
        cname = entry.rrsets.get(CNAME)
        if cname is None:
            pointer = 0xC000 + 12 + len(name) - len(entry.authority.origin)
            ttl = entry.negative_ttl or entry.authority.negative_ttl
            entry.negative = pack(">HHH", pointer, SOA, 1) + ttl
        elif self.zone_of(cname.records[0][10:].lower()) is not entry.authority:
            entry.alias = next(iter(entry.ready.values()))


def _ready(name_size: int, records: tuple[bytes, ...]) -> Ready:
    tail = b"".join(POINTER_TO_QUESTION + record for record in records)
    count = len(records)
    return Ready(
        pack(">HHHH", 1, count, 0, 0),
        pack(">HHHH", 1, count, 0, 1),
        tail,
        12 + name_size + 4 + len(tail),
    )
