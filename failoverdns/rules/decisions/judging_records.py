"""Which records may be stored, judged by what a change leaves of them.

| refused                                                   | because                              |
|-----------------------------------------------------------|--------------------------------------|
| records at a name that belongs to the server              | see `record_names`                   |
| SOA records; NS records at the origin                     | they come from the configuration     |
| CNAME records at the origin, or beside others, or several | RFC 1034 3.6.2, RFC 2181 10.1        |
| A and AAAA records at the origin, beside a group or alias | that answers the addresses there     |
| RRSIG, NSEC, NSEC3, NXT, DNAME and meta types             | as in the configuration              |
| NS records at a wildcard                                  | RFC 4592 4.2                         |
| records below a delegation, except glue                   | other servers answer there           |
| a CNAME by which a target leads back to its group         | nobody would find anything           |
| too many records, or too large RRsets                     | a limit, a DNS message               |

Only what is new is judged: stored records never become wrong by a configuration (they are hidden).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

from failoverdns.model.change import Write
from failoverdns.model.errors import Code, Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.record_text import type_name
from failoverdns.model.records import AAAA, BY_SIGNING, CNAME, DNAME, MARKER, NS, NXT, SOA, A, RRset
from failoverdns.model.static_records import is_wildcard, wire_rdata
from failoverdns.model.stored_records import MAX_RRSET, MAX_STORED, StoredRecords, size_of
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.record_names import why_reserved
from failoverdns.rules.derived.apex import labelled_apex
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.reconfigured import with_zone
from failoverdns.rules.derived.stored import changed_names, occluding, zone_after
from failoverdns.rules.derived.trails import application_loop
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import pointed_at

MAX_TTL: Final = 2**31 - 1
"""The largest TTL, in seconds (RFC 2181 section 8)."""

MAX_FAULTS: Final = 20
"""Reasons that a refusal has, at most: a command may have hundreds of records."""

_META: Final = frozenset((0, 41, *range(128, 256)))
"""Types that are never in a zone (RFC 6895 section 3.1)."""


def check_records(view: View, zone: Zone, writes: Collection[Write]) -> None:
    """Raise Rejected with every reason if writes leave records that may not be stored.

    `zone` is as it is served before them.  The code is `invalid`; `exists` if all reasons are names
    that belong to the server, and `in-use` if they are targets that would lead back to a group.
    """
    after = zone_after(zone, changed_names(writes).get(zone.origin, ()))
    reserved, faults, loops = list[str](), list[str](), list[str]()
    for write in writes:
        if isinstance(write.after, StoredRecords):
            new = [*new_rrsets(write)]
            why = why_reserved(view, zone, write.after.owner) if new else None
            if why is not None:
                reserved.append(why)
                continue
            faults += _name_faults(write.after)
            for rrset in new:
                faults += _rrset_faults(view, after, write.after.owner, rrset)
    count = _count(view, zone, writes)
    if count > max(MAX_STORED, view.stored_count(zone.origin)):
        faults.append(
            f"{zone.origin} would have {count} stored records; at most {MAX_STORED} are allowed: "
            "write more of them into the configuration (`records_files`)"
        )
    if not faults and not reserved:
        loops = _loops(view, after, writes)
    found = [*reserved, *faults, *loops]
    if found:
        code: Code = "invalid" if faults else "exists" if reserved else "in-use"
        more = [f"and {len(found) - MAX_FAULTS} more"] if len(found) > MAX_FAULTS else []
        raise Rejected(code, "; ".join([*found[:MAX_FAULTS], *more]))


def new_rrsets(write: Write) -> Iterator[RRset]:
    """Yield the RRsets of a write that it adds or changes, without those that only lose records."""
    before = write.before.rrsets if isinstance(write.before, StoredRecords) else ()
    if isinstance(write.after, StoredRecords):
        yield from (
            rrset for rrset in write.after.rrsets if not any(map(partial(_is_part, rrset), before))
        )


def _is_part(rrset: RRset, of: RRset) -> bool:
    """Return whether an RRset is another one, or that with fewer records."""
    return rrset == of or (
        (rrset.rtype, rrset.ttl) == (of.rtype, of.ttl)
        and {*map(wire_rdata, rrset.data)} <= {*map(wire_rdata, of.data)}
    )


def _name_faults(records: StoredRecords) -> Iterator[str]:
    """Yield what is wrong with the RRsets of a name as a whole."""
    cname = records.rrset(CNAME)
    if cname is None:
        return
    if len(cname.data) > 1:
        yield f"{records.owner} can have only one CNAME record"
    others = [rrset.rtype for rrset in records.rrsets if rrset.rtype != CNAME]
    if others:
        yield (
            f"a CNAME must be alone (RFC 2181 section 10.1), but {records.owner} would also have "
            f"records of type {type_name(others[0])}"
        )


def _rrset_faults(view: View, zone: Zone, owner: DomainName, rrset: RRset) -> Iterator[str]:
    """Yield what is wrong with a new RRset; `zone` is as it would be served."""
    rtype, what = rrset.rtype, f"{type_name(rrset.rtype)} records"
    if (problem := _type_problem(view, zone, owner, rtype)) is not None:
        yield problem
        return
    if not 0 <= rrset.ttl <= MAX_TTL:
        yield f"{owner}: {rrset.ttl} is not a TTL; give seconds from 0 to {MAX_TTL}"
    if size_of(owner, rrset) > MAX_RRSET:
        yield f"the {what} of {owner} do not fit into one DNS message"
    cut = occluding(zone, owner, rtype)
    if cut is not None:
        where = "at" if owner == cut else "below"
        yield (
            f"{owner} is {where} {cut}, which is delegated by an NS record, so its servers answer "
            f"there: {what} would never be answered; give them to these servers"
        )


def _type_problem(view: View, zone: Zone, owner: DomainName, rtype: int) -> str | None:
    """Return why no records of a type can be at a name, or None if they can."""
    name, is_apex = type_name(rtype), owner == zone.origin
    if rtype == SOA:
        return f"the server makes the SOA record of {zone.origin}, from the configuration"
    if rtype == NS and is_apex:
        return (
            f"the NS records of {owner} are `nameservers` in the configuration: change them there"
        )
    if rtype == CNAME and is_apex:
        return (
            f"a CNAME is not allowed at the zone's own name, {owner}, which has SOA and NS "
            "records; write its hostname as `alias` of the zone, or make a group there "
            "(`failoverdns group add --label @`)"
        )
    if rtype in (A, AAAA) and is_apex:
        return _apex_problem(view, zone, name)
    if rtype == NS and is_wildcard(owner.wire):
        return f"{owner}: a wildcard cannot be delegated (RFC 4592 section 4.2)"
    if rtype == DNAME:
        return f"{owner}: DNAME is not supported; add a CNAME record for each name below it"
    if rtype in BY_SIGNING or rtype == NXT:
        return f"{owner}: {name} records are made by signing; leave them out"
    if rtype in _META:
        return f"{owner}: {name} is for messages only; it is not allowed in a zone"
    if rtype == MARKER:
        return f"{owner}: type {MARKER} marks names without records, and only the server makes it"
    return None


def _apex_problem(view: View, zone: Zone, name: str) -> str | None:
    group = labelled_apex(view, zone.origin)
    if group is not None:
        return (
            f"{zone.origin} belongs to group {group.name!r}, whose addresses are answered there: "
            f"{name} records cannot stand beside them"
        )
    if zone.alias is not None:
        return (
            f"{zone.origin} has the alias {zone.alias} in the configuration, whose addresses are "
            f"answered there: {name} records cannot stand beside them"
        )
    return None


def _count(view: View, zone: Zone, writes: Collection[Write]) -> int:
    """Return how many records the zone would have."""
    count = view.stored_count(zone.origin)
    for write in writes:
        count += write.after.count if isinstance(write.after, StoredRecords) else 0
        count -= write.before.count if isinstance(write.before, StoredRecords) else 0
    return count


def _loops(view: View, after: Zone, writes: Collection[Write]) -> list[str]:
    """Return the hostnames of applications that new CNAME records lead back to their groups."""
    if not any(rrset.rtype == CNAME for write in writes for rrset in new_rrsets(write)):
        return []
    changed = with_zone(view, after)
    found = []
    for application in view.applications():
        hostname = pointed_at(application)
        if hostname is None or zone_of(view, hostname) is None:
            continue
        loop = application_loop(changed, application, hostname)
        if loop is not None and application_loop(view, application, hostname) is None:
            found.append(loop)
    return found
