"""Changes of the records that are stored in the state: what an edit leaves, and what may be there.

    changed_records(view, zone, edits) -> writes

Edits are carried out one after the other, and the result is judged as a whole, as the rules for
dynamic updates have it (RFC 2136 section 3.4).  Records of the configuration are not edited; where
they hide a stored record, that is no fault (`rules.derived.stored`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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


class Edited:
    """The stored records of a zone while they are edited; the state stays as it is.

    The zone may be given by its origin, because one that is not configured any more has records.
    """

    def __init__(self, view: View, zone: Zone | DomainName) -> None:
        self._view = view
        self._origin = zone.origin if isinstance(zone, Zone) else zone
        self._names: dict[DomainName, dict[int, RRset]] = {}

    def at(self, owner: DomainName) -> tuple[RRset, ...]:
        """Return the stored RRsets at a name, as edited."""
        return tuple(self._at(owner).values())

    def apply(self, edit: Edit) -> None:
        """Carry out an edit; it is not judged here."""
        found = self._at(edit.owner)
        match edit:
            case AddRecords(_, rrset):
                before = found.get(rrset.rtype) if rrset.rtype != CNAME else None
                data = {wire_rdata(one) for one in (*(before.data if before else ()), *rrset.data)}
                found[rrset.rtype] = _rrset(rrset.rtype, rrset.ttl, data)
            case DeleteRecords(_, rtype, data_):
                if (before := found.get(rtype)) is not None:
                    rest = {wire_rdata(one) for one in before.data} - set(map(wire_rdata, data_))
                    if rest:
                        found[rtype] = _rrset(rtype, before.ttl, rest)
                    else:
                        del found[rtype]
            case DeleteRRset(_, rtype):
                found.pop(rtype, None)
            case DeleteName():
                found.clear()

    def writes(self) -> tuple[Write, ...]:
        """Return the writes of the names that the edits changed."""
        found = []
        for owner, rrsets in self._names.items():
            before = self._stored(owner)
            after = StoredRecords.of(self._origin, owner, rrsets.values()) if rrsets else None
            if before != after:
                found.append(Write(before, after))
        return tuple(found)

    def _at(self, owner: DomainName) -> dict[int, RRset]:
        found = self._names.get(owner)
        if found is None:
            stored = self._stored(owner)
            rrsets = stored.rrsets if stored is not None else ()
            found = self._names[owner] = {rrset.rtype: rrset for rrset in rrsets}
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


def _rrset(rtype: int, ttl: int, data: Iterable[bytes]) -> RRset:
    return RRset(rtype, ttl, tuple(map(Opaque, sorted(data))))
