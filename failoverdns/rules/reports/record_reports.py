"""Reports about stored records, as replies to commands show them."""

from __future__ import annotations

from collections.abc import Iterator

from failoverdns.model.change import Json
from failoverdns.model.names import DomainName
from failoverdns.model.record_text import rdata_text, type_name
from failoverdns.model.records import RRset
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.stored import why_hidden
from failoverdns.rules.derived.view import View


def stored_report(zone: Zone | None, records: StoredRecords, rrset: RRset) -> dict[str, Json]:
    """Return the report of a stored RRset; `zone` is as it is served, None if not configured.

    `hidden` is None for records that are served, else it says why they are not.
    """
    return {
        "zone": records.zone.to_text(),
        "name": records.owner.to_text(),
        "type": type_name(rrset.rtype),
        "ttl": rrset.ttl,
        "data": [rdata_text(rrset.rtype, data) for data in rrset.data],
        "hidden": why_hidden(zone, records, rrset),
    }


def stored_list(view: View, origin: DomainName | None) -> Iterator[dict[str, Json]]:
    """Yield the report of each stored RRset in a zone, or in all, by zone and name."""
    origins = [origin] if origin is not None else {e.zone for e in view.entities(StoredRecords)}
    for each in sorted(origins, key=_place):
        zone = view.zone(each)
        for records in sorted(view.stored_records(each), key=lambda one: _place(one.owner)):
            for rrset in records.rrsets:
                yield stored_report(zone, records, rrset)


def _place(name: DomainName) -> list[bytes]:
    """Return where a name is in a list, in canonical order (RFC 4034 section 6.1)."""
    return [*name.labels()][::-1]
