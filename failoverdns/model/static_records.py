"""The static records of a zone in a compact form: bytes by name, for hundreds of thousands of them.

    owner name -> RRsets in the form that deltas have (`protocol.table.deltas`)

Whatever grows with the number of records works on these bytes: a table is filled with them as they
are, and two configurations are compared by them.  They are read only where few are asked for.
The garbage collector does not look at them, because bytes refer to nothing.

Records of the state are laid over those of the configuration, name by name: at a name in `laid`,
these bytes are all that is served (`rules.derived.stored`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from ipaddress import IPv4Address, IPv6Address
from itertools import chain
from struct import Struct
from typing import Final

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import RRClass
from failoverdns.model.records import Opaque, OwnedRRset, Rdata, RRset, StartOfAuthority, Text

_RRSET_HEAD: Final = Struct(">HHI")
"""Type, number of records, bytes of the records."""

_RECORD_HEAD: Final = Struct(">HHHIH")
"""A pointer to the question, type, class, TTL, bytes of the RDATA."""

WILDCARD: Final = b"\1*"
"""The label of a wildcard in wire form."""

_NOTHING: Final[Mapping[bytes, bytes]] = {}

_POINTER_TO_QUESTION: Final = 0xC00C
_IN: Final = RRClass.IN.value


class StaticRecords(Collection[OwnedRRset]):
    """RRsets by owner name, in the order in which the names were first given."""

    __slots__ = ("_configured", "_laid_wildcards", "by_owner", "laid", "wildcards")

    by_owner: dict[bytes, bytes]
    """The configured RRsets of each name in wire form; it is never changed."""

    laid: Mapping[bytes, bytes]
    """All RRsets of each name with records of the state; it is never changed."""

    wildcards: Set[bytes]
    """The wildcards among the names (RFC 4592 section 2.1.1)."""

    def __init__(self, by_owner: dict[bytes, bytes], wildcards: Set[bytes] | None = None) -> None:
        """Take RRsets in the form that deltas have, by name in wire form and lower case.

        `wildcards` are those of the names that are wildcards; without them all names are looked at.
        """
        self.by_owner = by_owner
        self.wildcards = set(filter(is_wildcard, by_owner)) if wildcards is None else wildcards
        self.laid = _NOTHING
        self._laid_wildcards: Set[bytes] = frozenset()
        self._configured: StaticRecords | None = None

    @property
    def configured(self) -> StaticRecords:
        """These records without those of the state; the same object for the same configuration."""
        return self if self._configured is None else self._configured

    def with_laid(self, laid: Mapping[bytes, bytes]) -> StaticRecords:
        """Return the configured records with other ones of the state laid over them.

        `laid` has all RRsets of each of its names, in the form that deltas have.
        """
        return self._with(laid, frozenset(filter(is_wildcard, laid)))

    def with_changed(self, changed: Mapping[bytes, bytes]) -> StaticRecords:
        """Return these records with those of the state changed at some names, b"" for none."""
        laid = {**self.laid, **changed}
        wildcards = set(self._laid_wildcards)
        for owner, written in changed.items():
            if not written:
                laid.pop(owner)
            if is_wildcard(owner):
                (wildcards.add if written else wildcards.discard)(owner)
        return self._with(laid, frozenset(wildcards))

    def _with(self, laid: Mapping[bytes, bytes], more: frozenset[bytes]) -> StaticRecords:
        """Return the configured records with `laid` over them; `more` are its wildcards."""
        configured = self.configured
        if not laid:
            return configured
        wildcards = configured.wildcards | more if more else configured.wildcards
        other = StaticRecords(configured.by_owner, wildcards)
        other.laid, other._laid_wildcards, other._configured = laid, more, configured
        return other

    @classmethod
    def of(cls, rrsets: Iterable[OwnedRRset]) -> StaticRecords:
        """Return RRsets in compact form."""
        pieces: dict[bytes, bytes] = {}
        for rrset in rrsets:
            owner = rrset.owner.wire
            written = write_rrset(rrset)
            before = pieces.get(owner)
            pieces[owner] = written if before is None else before + written
        return cls(pieces)

    def __iter__(self) -> Iterator[OwnedRRset]:
        """Yield every RRset, name by name; RDATA is opaque."""
        written = self.written
        for owner in self.names():
            name = DomainName(owner)
            for rrset in _read(written(owner) or b""):
                yield OwnedRRset(name, rrset.rtype, rrset.ttl, rrset.data)

    def __len__(self) -> int:
        """Return the number of RRsets."""
        written = self.written
        return sum(1 for owner in self.names() for _ in _read(written(owner) or b""))

    def __contains__(self, rrset: object) -> bool:
        """Return whether this RRset is among them, whatever the form of its RDATA."""
        if not isinstance(rrset, OwnedRRset):
            return False
        return _opaque(rrset) in _read(self.written(rrset.owner.wire) or b"")

    def __eq__(self, other: object) -> bool:
        """Return whether the same records are at the same names."""
        return isinstance(other, StaticRecords) and (self.by_owner, self.laid) == (
            other.by_owner,
            other.laid,
        )

    def __hash__(self) -> int:
        """Return a hash that costs the same for any number of records."""
        return hash(len(self.by_owner))

    def __repr__(self) -> str:
        """Return the RRsets as a tuple."""
        return repr(tuple(self))

    @property
    def written(self) -> Callable[[bytes], bytes | None]:
        """A function that returns the RRsets at a name (in wire form), None if there are none."""
        if not self.laid:
            return self.by_owner.get
        laid, configured = self.laid.get, self.by_owner.get
        return lambda owner: laid(owner) or configured(owner)

    def names(self) -> Iterator[bytes]:
        """Return every name with records, in wire form: the configured ones first."""
        if not self.laid:
            return iter(self.by_owner)
        by_owner = self.by_owner
        return chain(by_owner, (owner for owner in self.laid if owner not in by_owner))

    def has_wire(self, owner: bytes) -> bool:
        """Return whether there are records at a name in wire form."""
        return owner in self.by_owner or owner in self.laid

    def has(self, owner: DomainName) -> bool:
        """Return whether there are records at a name."""
        return owner.wire in self.by_owner or owner.wire in self.laid

    def has_wildcard(self, parent: DomainName) -> bool:
        """Return whether there is a wildcard directly below a name."""
        return WILDCARD + parent.wire in self.wildcards

    def at(self, owner: DomainName) -> tuple[RRset, ...]:
        """Return the RRsets at a name."""
        wire = owner.wire
        return tuple(_read(self.laid.get(wire) or self.by_owner.get(wire, b"")))


def is_wildcard(owner: bytes) -> bool:
    """Return whether the first label of a name in wire form is `*`."""
    return owner.startswith(WILDCARD)


def write_rrset(rrset: OwnedRRset | RRset) -> bytes:
    """Return an RRset in the form that deltas have (`protocol.table.deltas`)."""
    parts = []
    for rdata in rrset.data:
        data = wire_rdata(rdata)
        parts.append(
            _RECORD_HEAD.pack(_POINTER_TO_QUESTION, rrset.rtype, _IN, rrset.ttl, len(data)) + data
        )
    records = b"".join(parts)
    return _RRSET_HEAD.pack(rrset.rtype, len(parts), len(records)) + records


def _read(written: bytes) -> Iterator[RRset]:
    at = 0
    while at < len(written):
        rtype, _, length = _RRSET_HEAD.unpack_from(written, at)
        at += _RRSET_HEAD.size
        end, ttl = at + length, 0
        data: list[Rdata] = []
        while at < end:
            _, _, _, ttl, size = _RECORD_HEAD.unpack_from(written, at)
            at += _RECORD_HEAD.size
            data.append(Opaque(written[at : at + size]))
            at += size
        yield RRset(rtype, ttl, tuple(data))


def _opaque(rrset: OwnedRRset) -> RRset:
    return RRset(rrset.rtype, rrset.ttl, tuple(Opaque(wire_rdata(rdata)) for rdata in rrset.data))


def wire_rdata(rdata: Rdata) -> bytes:
    """Return RDATA in uncompressed wire form."""
    match rdata:
        case Opaque(data):
            return data
        case IPv4Address() | IPv6Address():
            return rdata.packed
        case DomainName():
            return rdata.wire
        case Text(strings):
            return b"".join(bytes((len(string),)) + string for string in strings)
        case StartOfAuthority():
            raise ValueError("a static SOA record")
