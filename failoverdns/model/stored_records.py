"""Records that are part of the state, beside those of the configuration.

They come from the command `record add` and from dynamic updates (RFC 2136).  Each entity holds the
RRsets of one owner name in a zone.  Its zone need not be configured: then the records wait until it
is.  What is served of them depends on the configuration, whose records come first: see
`rules.derived.stored`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName
from failoverdns.model.records import Opaque, OwnedRRset, Rdata, RRset
from failoverdns.model.static_records import wire_rdata, write_rrset

MAX_STORED: Final = 10_000
"""Records of a zone that are stored, at most."""

MAX_RRSET: Final = 65_000
"""Bytes of an RRset with uncompressed owner names, at most: more do not fit into a DNS message."""


@dataclass(frozen=True, slots=True)
class StoredRecords(Entity):
    """The stored RRsets of an owner name: at least one, in order of their types.

    `data` of each is `Opaque`, in canonical form (RFC 4034 section 6.2: without compression, names
    in lower case), sorted, and without duplicates.  `of` makes such a value of other ones.
    """

    zone: DomainName
    owner: DomainName
    rrsets: tuple[RRset, ...]
    written: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    """Each RRset in the form that deltas have, in the same order."""

    whole: bytes = field(init=False, repr=False, compare=False)
    """All of them together."""

    def __post_init__(self) -> None:
        """Write the RRsets once, because each reload lays them over the configuration."""
        object.__setattr__(self, "written", tuple(map(write_rrset, self.rrsets)))
        object.__setattr__(self, "whole", b"".join(self.written))

    @classmethod
    def of(cls, zone: DomainName, owner: DomainName, rrsets: Iterable[RRset]) -> StoredRecords:
        """Return RRsets of different types at a name, brought into order; at least one.

        Their RDATA is in canonical form already.
        """
        return cls(zone, owner, tuple(sorted(map(_ordered, rrsets), key=lambda one: one.rtype)))

    @property
    def identity(self) -> tuple[DomainName, DomainName]:
        """The origin of the zone, and the owner name."""
        return self.zone, self.owner

    @property
    def count(self) -> int:
        """The number of records."""
        return sum(len(rrset.data) for rrset in self.rrsets)

    def rrset(self, rtype: int) -> RRset | None:
        """Return the RRset of a type, or None."""
        return next((rrset for rrset in self.rrsets if rrset.rtype == rtype), None)


def size_of(owner: DomainName, rrset: RRset) -> int:
    """Return the bytes of an RRset in a message without compression."""
    fixed = len(owner.wire) + 10
    return sum(fixed + len(wire_rdata(rdata)) for rdata in rrset.data)


def owned(records: StoredRecords) -> Iterable[OwnedRRset]:
    """Return the RRsets of an entity with their owner name."""
    return (OwnedRRset(records.owner, r.rtype, r.ttl, r.data) for r in records.rrsets)


def _ordered(rrset: RRset) -> RRset:
    data = sorted({wire_rdata(rdata) for rdata in rrset.data})
    found: tuple[Rdata, ...] = tuple(map(Opaque, data))
    return RRset(rrset.rtype, rrset.ttl, found)
