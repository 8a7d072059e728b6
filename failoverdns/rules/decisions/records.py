"""Changes of the records that are stored in the state: what an edit leaves, and what may be there.

    changed_records(view, zone, edits) -> writes

Edits are carried out one after the other, and the result is judged as a whole, as the rules for
dynamic updates have it (RFC 2136 section 3.4).  Records of the configuration are not edited; where
they hide a stored record, that is no fault (`rules.derived.stored`).
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from failoverdns.model.change import Write
from failoverdns.model.names import DomainName
from failoverdns.model.records import CNAME, Opaque, Rdata, RRset
from failoverdns.model.static_records import wire_rdata
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.judging_records import check_records
from failoverdns.rules.derived.view import View


@dataclass(frozen=True, slots=True)
class AddRecords:
    """Add records to an RRset, which gets their TTL; a CNAME record replaces one that is there.

    RFC 2136 section 3.4.2.2.  RDATA is in canonical form, as in `StoredRecords`.
    """

    owner: DomainName
    rrset: RRset


@dataclass(frozen=True, slots=True)
class DeleteRecords:
    """Delete single records of an RRset, those that there are; RDATA is in canonical form."""

    owner: DomainName
    rtype: int
    data: tuple[Rdata, ...]


@dataclass(frozen=True, slots=True)
class DeleteRRset:
    """Delete all records of a type at a name."""

    owner: DomainName
    rtype: int


@dataclass(frozen=True, slots=True)
class DeleteName:
    """Delete all records at a name."""

    owner: DomainName


Edit = AddRecords | DeleteRecords | DeleteRRset | DeleteName


@dataclass(slots=True)
class _Records:
    """The records of an RRset while they are edited: TTL in seconds, RDATA in wire form."""

    ttl: int = 0
    data: set[bytes] = field(default_factory=set)


class Edited:
    """The stored records of a zone while they are edited; the state stays as it is.

    The zone may be given by its origin, because one that is not configured any more has records.
    """

    def __init__(self, view: View, zone: Zone | DomainName) -> None:
        self._view = view
        self._origin = zone.origin if isinstance(zone, Zone) else zone
        self._names: dict[DomainName, dict[int, _Records]] = {}

    def at(self, owner: DomainName) -> tuple[RRset, ...]:
        """Return the stored RRsets at a name, as edited."""
        return tuple(_rrset(rtype, found) for rtype, found in self._at(owner).items())

    def types(self, owner: DomainName) -> Set[int]:
        """Return the types of the stored records at a name, as edited."""
        return self._at(owner).keys()

    def apply(self, edit: Edit) -> None:
        """Carry out an edit, in time for the records that it names; it is not judged here."""
        found = self._at(edit.owner)
        match edit:
            case AddRecords(_, rrset):
                records = found.get(rrset.rtype)
                if records is None or rrset.rtype == CNAME:
                    records = found[rrset.rtype] = _Records()
                records.ttl = rrset.ttl
                records.data.update(map(wire_rdata, rrset.data))
            case DeleteRecords(_, rtype, data):
                if (records := found.get(rtype)) is not None:
                    records.data.difference_update(map(wire_rdata, data))
                    if not records.data:
                        del found[rtype]
            case DeleteRRset(_, rtype):
                found.pop(rtype, None)
            case DeleteName():
                found.clear()

    def writes(self) -> tuple[Write, ...]:
        """Return the writes of the names that the edits changed."""
        found = []
        for owner in self._names:
            before, rrsets = self._stored(owner), self.at(owner)
            after = StoredRecords.of(self._origin, owner, rrsets) if rrsets else None
            if before != after:
                found.append(Write(before, after))
        return tuple(found)

    def _at(self, owner: DomainName) -> dict[int, _Records]:
        found = self._names.get(owner)
        if found is None:
            stored = self._stored(owner)
            rrsets = stored.rrsets if stored is not None else ()
            found = self._names[owner] = {
                rrset.rtype: _Records(rrset.ttl, set(map(wire_rdata, rrset.data)))
                for rrset in rrsets
            }
        return found

    def _stored(self, owner: DomainName) -> StoredRecords | None:
        return self._view.entity(StoredRecords, (self._origin, owner))


def changed_records(view: View, zone: Zone, edits: Iterable[Edit]) -> tuple[Write, ...]:
    """Return the writes of edits to the stored records of a zone; none if they change nothing.

    Raises Rejected with every reason if a record may not be there after all of them
    (`judging_records`).
    """
    edited = Edited(view, zone)
    for edit in edits:
        edited.apply(edit)
    writes = edited.writes()
    check_records(view, zone, writes)
    return writes


def _rrset(rtype: int, records: _Records) -> RRset:
    return RRset(rtype, records.ttl, tuple(map(Opaque, sorted(records.data))))
