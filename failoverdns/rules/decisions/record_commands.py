"""Decisions on the commands `record add` and `record remove`.

What may be stored is judged in `judging_records`; what is unusual is warned of (`record_warnings`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from random import Random
from typing import Final

from failoverdns.model.change import Json, Write
from failoverdns.model.commands.records import NewRecord, RemoveRecords, StoreRecords
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.record_text import rdata_text, type_name
from failoverdns.model.records import CNAME, Opaque, RRset
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.decision import Decision, row, tried, warned
from failoverdns.rules.decisions.record_warnings import record_warnings
from failoverdns.rules.decisions.records import (
    AddRecords,
    DeleteName,
    DeleteRecords,
    DeleteRRset,
    Edit,
    Edited,
    changed_records,
)
from failoverdns.rules.derived.entity_lookup import find_zone
from failoverdns.rules.derived.stored import configured_types
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.record_reports import stored_report

MOST_SHOWN: Final = 10
"""Records of a type that a refusal shows."""


def store_records(view: View, command: StoreRecords, _moment: Moment, _random: Random) -> Decision:
    """Store records, all of them or none; those that are there already change nothing.

    A record without a TTL gets that of the RRset that it joins, or the default of the zone.
    Raises Rejected with every reason (`judging_records`), `exists` for a CNAME record at a name
    that has another one, and `conflict` if anything changed after `if_revision`.
    """
    zone = find_zone(view, command.zone)
    _check_revision(view, command.if_revision)
    _check_alike(view, zone, command.records)
    ttls = _ttls(view, zone, command.records)
    edits = [
        AddRecords(one.owner, RRset(one.rtype, ttls[one.owner, one.rtype], (Opaque(one.data),)))
        for one in command.records
    ]
    writes = changed_records(view, zone, edits)
    decision = Decision(writes, lambda _: _report(view, zone.origin, writes))
    warnings = record_warnings(view, zone, writes, command.records)
    return tried(warned(decision, warnings), dry_run=command.dry_run)


def remove_records(
    view: View, command: RemoveRecords, _moment: Moment, _random: Random
) -> Decision:
    """Remove stored records at a name, also in a zone that is not configured any more.

    Raises Rejected `not-found` if there are none, and `conflict` if anything changed after
    `if_revision`.
    """
    stored = view.entity(StoredRecords, (command.zone, command.owner))
    if view.zone(command.zone) is None and stored is None:
        find_zone(view, command.zone)
    _check_revision(view, command.if_revision)
    if stored is None or not _has(stored, command):
        raise Rejected("not-found", _nothing_there(view, command, stored))
    owner, rtype, data = command.owner, command.rtype, command.data
    edit: Edit = DeleteName(owner)
    if rtype is not None:
        edit = DeleteRRset(owner, rtype)
        if data is not None:
            edit = DeleteRecords(owner, rtype, (Opaque(data),))
    edited = Edited(view, command.zone)
    edited.apply(edit)
    writes, zone = edited.writes(), view.zone(command.zone)
    decision = Decision(writes, lambda _: _report(view, command.zone, writes))
    warnings = record_warnings(view, zone, writes, ()) if zone is not None else ()
    return tried(warned(decision, warnings), dry_run=command.dry_run)


def _check_revision(view: View, if_revision: int | None) -> None:
    """Raise Rejected `conflict` if the state has another revision than `if_revision`."""
    if if_revision is None or if_revision == view.revision:
        return
    if if_revision > view.revision:
        text = f"revision {if_revision} is not reached yet: it is {view.revision} now"
    else:
        text = f"something changed since revision {if_revision}: it is {view.revision}; look again"
    raise Rejected("conflict", text)


def _check_alike(view: View, zone: Zone, records: Iterable[NewRecord]) -> None:
    """Raise Rejected for records of one RRset with different TTLs, and for a second CNAME."""
    ttls: dict[tuple[DomainName, int], int] = {}
    cnames: dict[DomainName, bytes] = {}
    faults: list[str] = []
    for record in records:
        key, ttl = (record.owner, record.rtype), record.ttl
        if ttl is not None and ttls.setdefault(key, ttl) != ttl:
            faults.append(
                f"the {type_name(record.rtype)} records of {record.owner} have the TTLs "
                f"{ttls[key]} and {ttl}; they must be the same (RFC 2181 section 5.2)"
            )
        if record.rtype == CNAME and cnames.setdefault(record.owner, record.data) != record.data:
            faults.append(f"{record.owner} can have only one CNAME record")
    if faults:
        raise Rejected("invalid", "; ".join(dict.fromkeys(faults)))
    for owner, data in cnames.items():
        stored = view.entity(StoredRecords, (zone.origin, owner))
        before = stored.rrset(CNAME) if stored is not None else None
        if before is not None and before.data != (Opaque(data),):
            raise Rejected(
                "exists",
                f"{owner} has a CNAME record already, to {rdata_text(CNAME, before.data[0])}: "
                f"remove it first (`record remove {zone.origin} {owner}. CNAME`)",
            )


def _ttls(
    view: View, zone: Zone, records: Iterable[NewRecord]
) -> dict[tuple[DomainName, int], int]:
    """Return the TTL of each RRset: as given, as stored, or the default of the zone."""
    given: dict[tuple[DomainName, int], int | None] = {}
    for record in records:
        key = record.owner, record.rtype
        given[key] = record.ttl if record.ttl is not None else given.get(key)
    found = {}
    for (owner, rtype), ttl in given.items():
        if ttl is None:
            stored = view.entity(StoredRecords, (zone.origin, owner))
            before = stored.rrset(rtype) if stored is not None else None
            ttl = before.ttl if before is not None else zone.ttl
        found[owner, rtype] = ttl
    return found


def _has(stored: StoredRecords, command: RemoveRecords) -> bool:
    """Return whether there is anything that a command removes."""
    if command.rtype is None:
        return True
    rrset = stored.rrset(command.rtype)
    return rrset is not None and (command.data is None or Opaque(command.data) in rrset.data)


def _nothing_there(view: View, command: RemoveRecords, stored: StoredRecords | None) -> str:
    """Return in words that there is nothing to remove, and what there is."""
    zone, owner, rtype = view.zone(command.zone), command.owner, command.rtype
    if not owner.is_at_or_below(command.zone):
        return f"{owner} is outside the zone {command.zone}; write a name relative to it"
    of_type = f" of type {type_name(rtype)}" if rtype is not None else ""
    with_data = " with this data" if command.data is not None else ""
    text = f"{owner} has no stored record{of_type}{with_data}"
    if stored is not None:
        there = ", ".join(
            f"{type_name(rrset.rtype)} {rdata_text(rrset.rtype, data)}"
            for rrset in stored.rrsets
            for data in rrset.data[:MOST_SHOWN]
        )
        return f"{text}; it has {there}"
    types = configured_types(zone, owner) if zone is not None else set()
    if types:
        return f"{text}; what the configuration has there is removed in the configuration"
    return f"{text}; `record list {command.zone}` shows those that there are"


def _report(view: View, origin: DomainName, writes: Collection[Write]) -> dict[str, Json]:
    """Return the reply: what is stored at the changed names now, and what was removed."""
    zone = view.zone(origin)
    removed: list[Json] = []
    records: list[Json] = []
    for write in writes:
        before, now = write.before, write.after
        if isinstance(now, StoredRecords):
            records += (stored_report(zone, now, rrset) for rrset in now.rrsets)
        if isinstance(before, StoredRecords):
            removed += _removed(before, now if isinstance(now, StoredRecords) else None)
    return {
        "zone": origin.to_text(),
        "changed": bool(writes),
        "records": records,
        "removed": removed,
    }


def _removed(before: StoredRecords, now: StoredRecords | None) -> Iterator[Json]:
    for rrset in before.rrsets:
        rest = now.rrset(rrset.rtype) if now is not None else None
        kept = set(rest.data) if rest is not None else set()
        gone = [data for data in rrset.data if data not in kept]
        if gone:
            yield {
                "name": before.owner.to_text(),
                "type": type_name(rrset.rtype),
                "data": [rdata_text(rrset.rtype, data) for data in gone],
            }


DECISIONS = (row(StoreRecords, store_records), row(RemoveRecords, remove_records))
"""The commands that this module decides on."""
