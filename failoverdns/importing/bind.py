"""Map zone files of BIND: the settings of a zone, and its static records.

A zone file has no failover, so that there are no commands; groups are made afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from failoverdns.config.zones.master_file import MasterFile
from failoverdns.config.zones.record_text import parse_record
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.plan import Plan
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed

_SHOWN: Final = 3
"""Errors that are shown of a file that is no zone file."""


@dataclass(frozen=True, slots=True)
class ZoneSource:
    """A zone file as it was read; `place` is where it is, or is named."""

    place: str
    content: MasterFile


def import_bind(source: str, zones: Sequence[ZoneSource], builder: PlanBuilder) -> Plan:
    """Return the plan for zone files; `builder` may have remarks on others already."""
    for zone in zones:
        content = zone.content
        try:
            draft = builder.zone(content.origin)
        except Malformed as fault:
            builder.refuse(zone.place, f"the zone {content.origin}", str(fault))
            continue
        draft.comments.append("Write the names and addresses of your own servers here.")
        _fill(draft, zone, builder)
    return builder.finish()


def require_zone(zone: ZoneSource) -> ZoneSource:
    """Return a zone file that has something; raises Malformed with its first errors otherwise."""
    content = zone.content
    if content.records or content.soa is not None or content.nameservers:
        return zone
    errors = [str(error).replace(": error:", ":", 1) for error in content.errors]
    if any("give its origin" in text for text in errors):
        raise Malformed(f"{zone.place}: the name of the zone is not in the file; add --zone NAME")
    raise Malformed("\n".join(errors[:_SHOWN]) or f"{zone.place}: empty; name a zone file")


def _fill(draft: ZoneDraft, zone: ZoneSource, builder: PlanBuilder) -> None:
    """Give a zone what its file has."""
    content = zone.content
    if content.soa is not None and content.negative_ttl is not None:
        draft.take_soa(content.soa, content.negative_ttl)
    for server in content.nameservers:
        if server.name.is_at_or_below(draft.origin) and not server.addresses:
            continue  # the file's errors have it
        draft.servers.append(server.name)
        for address in server.addresses:
            rtype = "A" if address.version == 4 else "AAAA"
            text = f"{server.name.absolute_text()} 3600 IN {rtype} {address}"
            draft.add(zone.place, parse_record(text, draft.origin, 0))
    read = set()
    for place, record in content.records:
        read.add((place.file, place.line))
        draft.add(f"{place.file}:{place.line}", record)
    for error in content.errors:
        if (error.file, error.line) in read:
            continue  # a record that was read; whether it can be served is judged with the others
        where = f"{error.file}:{error.line}"
        if error.is_warning:
            builder.note(where, "this line", error.message)
        else:
            builder.refuse(where, "this line", error.message)
