"""What is served of the records in the state: those that the configuration does not hide.

| the configuration has at the name | hidden of the stored records               |
|-----------------------------------|--------------------------------------------|
| a CNAME record                    | all                                        |
| any record                        | a CNAME record, and RRsets of the same type |
| the origin: SOA and NS records    | RRsets of these types                      |
| the origin: an alias              | A and AAAA records                         |

Below a delegation nothing but glue is answered, wherever the records are: they are kept, exported
and transferred all the same (RFC 5936 section 3.5).

So a configuration is never refused because of stored records; what is hidden is reported, and
appears when the configuration drops what is in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from failoverdns.model.change import Write
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, SOA, A, RRset
from failoverdns.model.static_records import wire_rdata
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.view import View

_DS: Final = 43


def hidden_rrsets(zone: Zone, records: StoredRecords) -> tuple[RRset, ...]:
    """Return the stored RRsets at a name that are not served in a zone."""
    types = configured_types(zone, records.owner)
    if not types:
        return ()
    if CNAME in types:
        return records.rrsets
    return tuple(r for r in records.rrsets if r.rtype == CNAME or r.rtype in types)


def why_hidden(zone: Zone | None, records: StoredRecords, rrset: RRset) -> str | None:
    """Return in words why a stored RRset is not served, or None if it is.

    `zone` is as it is served, None if it is not configured.
    """
    if zone is None:
        return f"zone {records.zone} is not configured"
    if (cut := occluding(zone, records.owner, rrset.rtype)) is not None:
        return f"{cut} is delegated by an NS record, so its servers answer there"
    types = configured_types(zone, records.owner)
    if CNAME in types:
        return "the configuration has a CNAME record there"
    if types and rrset.rtype == CNAME:
        return "the configuration has records there, and a CNAME must be alone"
    if rrset.rtype not in types:
        return None
    if records.owner == zone.origin and zone.alias is not None and rrset.rtype in (A, AAAA):
        return f"the addresses of the alias {zone.alias} are answered there"
    return "the configuration has records of this type there"


def occluding(zone: Zone, owner: DomainName, rtype: int) -> DomainName | None:
    """Return the delegation at or above a name whose servers answer for a type there, or None.

    The zone itself answers with the NS and DS records of a delegation, and sends the addresses of
    its servers along (glue).
    """
    name, cut, servers = owner, None, set[bytes]()
    while name != zone.origin:
        found = [rrset for rrset in _at(zone, name) if rrset.rtype == NS]
        if found:
            cut, servers = name, {wire_rdata(data).lower() for one in found for data in one.data}
        name = name.parent()
    if cut is None or (owner == cut and rtype in (NS, _DS)):
        return None
    return None if rtype in (A, AAAA) and owner.wire in servers else cut


def _at(zone: Zone, name: DomainName) -> tuple[RRset, ...]:
    """Return the RRsets at a name; most names above others have none, and cost little."""
    return zone.static.at(name) if zone.static.has(name) else ()


def whose(zone: Zone, owner: DomainName) -> str:
    """Return in words where the records at a name of a served zone are: `in the configuration`."""
    if zone.static.configured.has(owner) or owner in zone.own_names():
        return "in the configuration"
    return f"in the state (`record list {zone.origin}`)"


def configured_types(zone: Zone, owner: DomainName) -> set[int]:
    """Return the types that the configuration has at a name, without records of the state."""
    types = {rrset.rtype for rrset in zone.own_rrsets_at(owner)}
    types.update(rrset.rtype for rrset in zone.static.configured.at(owner))
    if owner == zone.origin:
        types.add(SOA)
        if zone.alias is not None:
            types |= {A, AAAA}
    return types


def configured_names(zone: Zone) -> Callable[[bytes], bool]:
    """Return a function that says whether the configuration has anything at a name (wire form).

    Nothing is hidden at other names, and a zone may have very many of these.
    """
    own, by_owner = {owner.wire for owner in zone.own_names()}, zone.static.by_owner
    return lambda wire: wire in by_owner or wire in own


def zone_with(zone: Zone, stored: Iterable[StoredRecords]) -> Zone:
    """Return a zone as it is served with these stored records, which are all that it has."""
    stored = tuple(stored)
    if not stored:
        return zone.with_laid({})
    is_configured = configured_names(zone)
    laid: dict[bytes, bytes] = {}
    for records in stored:
        wire = records.owner.wire
        written = _laid(zone, records) if is_configured(wire) else records.whole
        if written:
            laid[wire] = written
    return zone.with_laid(laid)


def zones_with(view: View, zones: Iterable[Zone]) -> tuple[Zone, ...]:
    """Return zones of a configuration as they are served with the stored records of the view."""
    return tuple(zone_with(zone, view.stored_records(zone.origin)) for zone in zones)


def zone_after(zone: Zone, changed: Iterable[tuple[DomainName, StoredRecords | None]]) -> Zone:
    """Return a served zone after stored records changed at some names; None for removed ones."""
    written = {
        owner.wire: _laid(zone, records) if records is not None else b""
        for owner, records in changed
    }
    return zone.with_changed(written) if written else zone


def changed_names(
    writes: Iterable[Write],
) -> Mapping[DomainName, list[tuple[DomainName, StoredRecords | None]]]:
    """Return the names at which writes change stored records, by the origin of their zone.

    Each name has the records after the change, None if they are removed.
    """
    found: dict[DomainName, list[tuple[DomainName, StoredRecords | None]]] = {}
    for write in writes:
        for entity in (write.before, write.after):
            if isinstance(entity, StoredRecords):
                after = write.after if entity is write.after else None
                records = after if isinstance(after, StoredRecords) else None
                found.setdefault(entity.zone, []).append((entity.owner, records))
    return found


def differing(
    before: Zone | None, after: Zone, owners: Iterable[DomainName]
) -> Iterator[DomainName]:
    """Yield those names in a zone at which its configuration, or what is served of it, differs."""
    is_other = before is None or before.negative_ttl != after.negative_ttl
    was = before.static.configured.by_owner if before is not None else {}
    laid = before.static.laid if before is not None else {}
    now, laid_now = after.static.configured.by_owner, after.static.laid
    for owner in owners:
        wire = owner.wire
        if wire not in laid_now and wire not in was and wire not in now:
            continue
        if is_other or was.get(wire) != now.get(wire) or laid.get(wire) != laid_now.get(wire):
            yield owner


def excludes_challenge(zone: Zone, owner: DomainName) -> bool:
    """Return whether what is served at a name leaves no room for a challenge's TXT record.

    Records of the configuration do, and a CNAME record of the state; other ones stand beside it.
    """
    if zone.static.configured.has(owner) or owner in zone.own_names():
        return True
    return any(rrset.rtype == CNAME for rrset in zone.static.at(owner))


def _laid(zone: Zone, records: StoredRecords) -> bytes:
    """Return all that is served at a name with stored records, b"" if all of these are hidden.

    What a name has beside static records is left out, such as the addresses of a name server.
    """
    hidden = hidden_rrsets(zone, records)
    pairs = zip(records.rrsets, records.written, strict=True)
    shown = b"".join(written for rrset, written in pairs if rrset not in hidden)
    return zone.static.by_owner.get(records.owner.wire, b"") + shown if shown else b""
