"""What is unusual about records that were just stored or removed, in words for the reply.

| the records                                            | as in the configuration |
|--------------------------------------------------------|-------------------------|
| are hidden by the configuration                        |                         |
| delegate names that have other records                 | yes                     |
| delegate to servers that nobody can find               | yes                     |
| take a name above them from a wildcard                 | yes                     |
| have the name of the zone twice in that of their owner |                         |
| lead in a loop of CNAME records                        | yes                     |
| lead to a name that lacks its dot, or to an address    | yes                     |
| give the RRset that they join another TTL              |                         |
| leave an alias or an application's target without data | yes                     |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Final

from failoverdns.model.change import Write
from failoverdns.model.commands.records import NewRecord
from failoverdns.model.names import DomainName
from failoverdns.model.record_text import type_name
from failoverdns.model.records import AAAA, CNAME, NS, A, RRset
from failoverdns.model.static_records import wire_rdata
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.judging_records import new_rrsets
from failoverdns.rules.decisions.new_names import is_answered
from failoverdns.rules.derived.apex import is_answered_here
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.reconfigured import with_zone
from failoverdns.rules.derived.retired import is_covered
from failoverdns.rules.derived.static_names import exists
from failoverdns.rules.derived.stored import changed_names, why_hidden, zone_after
from failoverdns.rules.derived.targets import alias_problem
from failoverdns.rules.derived.trails import End, dead_end, trail_of
from failoverdns.rules.derived.view import View

MOST_WARNINGS: Final = 20
"""Warnings of a reply, at most: a command may have hundreds of records."""

_DS: Final = 43


def record_warnings(
    view: View, zone: Zone, writes: Collection[Write], records: Iterable[NewRecord]
) -> tuple[str, ...]:
    """Return what an operator should know about writes of stored records.

    `view` and `zone` are the state and the zone as it is served, before them; `records` are as
    they were given.
    """
    after = zone_after(zone, changed_names(writes).get(zone.origin, ()))
    changed = with_zone(view, after)
    found = dict.fromkeys(
        (
            *(text for write in writes for text in _of_name(view, zone, changed, after, write)),
            *(text for record in records for text in _of_record(changed, record)),
            *(text for write in writes for text in _lost(view, changed, write)),
        )
    )
    more = [f"and {len(found) - MOST_WARNINGS} more warnings"] if len(found) > MOST_WARNINGS else ()
    return (*islice(found, MOST_WARNINGS), *more)


def _of_name(view: View, zone: Zone, changed: View, after: Zone, write: Write) -> Iterator[str]:
    records = write.after
    if not isinstance(records, StoredRecords):
        return
    before = write.before if isinstance(write.before, StoredRecords) else None
    for rrset in new_rrsets(write):
        name = f"the {type_name(rrset.rtype)} records of {records.owner}"
        old = before.rrset(rrset.rtype) if before is not None else None
        if old is not None and old.ttl != rrset.ttl:
            yield (
                f"all {type_name(rrset.rtype)} records of {records.owner} have the TTL {rrset.ttl} "
                f"now, and had {old.ttl}: an RRset has one (RFC 2181 section 5.2)"
            )
        hidden = why_hidden(after, records, rrset)
        if hidden is not None:
            yield f"{name} are stored and not served: {hidden}"
        elif rrset.rtype == NS:
            yield from _delegated(zone, after, records.owner, rrset)
        elif rrset.rtype == CNAME:
            trail = trail_of(changed, records.owner)
            if trail.end is End.LOOP:
                yield (
                    f"this CNAME leads back to itself, so nobody finds anything there: {trail.text}"
                )
    if before is None:
        if _is_twice(records.owner, zone.origin):
            yield (
                f"the name {records.owner} has that of the zone in it twice: is the dot at its end "
                "missing?"
            )
        yield from _taken_from_wildcard(view, zone, after, records.owner)


def _is_twice(owner: DomainName, origin: DomainName) -> bool:
    """Return whether an owner was probably written as a whole name without the dot at its end."""
    return str(origin).count(".") > 0 and owner.wire.endswith(origin.wire[:-1] + origin.wire)


def _delegated(zone: Zone, after: Zone, cut: DomainName, rrset: RRset) -> Iterator[str]:
    """Yield what a new delegation hides, and whether resolvers can follow it."""
    if any(one.rtype == NS for one in zone.static.at(cut)):
        return
    servers = {DomainName(wire_rdata(data)) for data in rrset.data}
    hidden: list[str] = []
    for wire in after.static.names():
        if wire.endswith(cut.wire) and (owner := DomainName(wire)).is_at_or_below(cut):
            types = {one.rtype for one in after.static.at(owner)}
            if owner == cut:
                types -= {NS, _DS}
            elif owner in servers:
                types -= {A, AAAA}
            hidden += (f"the {type_name(rtype)} records of {owner}" for rtype in sorted(types))
    if hidden:
        others = f" and {len(hidden) - 1} more" if len(hidden) > 1 else ""
        yield (
            f"{cut} is delegated by an NS record, so its servers answer there: {hidden[0]}{others} "
            "are kept, but never answered"
        )
    if all(
        server.is_at_or_below(cut)
        and not any(one.rtype in (A, AAAA) for one in after.static.at(server))
        for server in servers
    ):
        yield (
            f"nobody can find the servers of {cut}: {', '.join(sorted(map(str, servers)))}; give "
            "one of them its address in this zone (glue)"
        )


def _taken_from_wildcard(view: View, zone: Zone, after: Zone, owner: DomainName) -> Iterator[str]:
    """Yield the names above a new name at which a wildcard answered until now."""
    if not zone.static.wildcards or zone.static.has(owner):
        return
    name = owner
    while name != zone.origin and (name := name.parent()) != zone.origin:
        if name.wire[1:2] == b"_" or not (is_covered(zone, name) and is_covered(after, name)):
            continue
        label = next(name.labels()).decode("latin-1")
        if name.parent() == zone.origin and not is_answered(view, zone, label):
            continue
        if not exists(view, zone, name):
            yield (
                f"no wildcard answers at {name} any more, because {owner} is below it now "
                "(RFC 4592)"
            )


def _of_record(changed: View, record: NewRecord) -> Iterator[str]:
    """Yield what looks like a slip in a record as it was written."""
    name = f"the {type_name(record.rtype)} record of {record.owner}"
    if record.is_cut:
        yield (
            f"{name}: a semicolon outside quotes begins a comment, so the text ends before it: "
            'put the text in quotes, as in "v=DKIM1; k=rsa"'
        )
    if record.address is not None:
        yield (
            f"{name}: {record.address} is an address where the name of a host belongs, so nobody "
            "finds it: write a name that has an A or AAAA record with this address"
        )
    elif (
        record.target is not None
        and is_answered_here(changed, record.target)
        and trail_of(changed, record.target).end is End.MISSING
    ):
        yield (
            f"{name} leads to {record.target}, which does not exist here: is the dot at its end "
            "missing?"
        )


def _lost(view: View, changed: View, write: Write) -> Iterator[str]:
    """Yield the targets of applications and aliases that lead to nothing any more."""
    entity = write.before or write.after
    if not isinstance(entity, StoredRecords):
        return
    owner = entity.owner
    for id_ in islice(view.pointing(owner), MOST_WARNINGS):
        application = view.application(id_)
        if application is not None and zone_of(view, owner) is not None:
            problem = dead_end(changed, application)
            if problem is not None and dead_end(view, application) is None:
                yield problem
    for origin in view.aliases.get(owner, ()):
        lost = alias_problem(changed, owner) if is_answered_here(changed, owner) else None
        if lost is not None and alias_problem(view, owner) is None:
            yield f"zone {origin} answers no address: its alias is {owner}: {lost}"
