"""Commands that change nothing: status, lists, history, records.

Long results are read from a copy of the state and handed out piece by piece, so that nobody waits
for them; a short one is read as it is.
Refuses to know sockets and who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from failoverdns.model.change import Json
from failoverdns.model.commands import (
    History,
    ListApplications,
    ListGroups,
    Query,
    Records,
    Status,
    Watch,
)
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.group import Side
from failoverdns.model.zone import Zone
from failoverdns.rules.finding import find_group, find_zone
from failoverdns.rules.recounting import group_subject
from failoverdns.rules.reporting import (
    application_report,
    group_report,
    history_report,
    zone_report,
)
from failoverdns.rules.serving import all_nodes, application_on
from failoverdns.rules.view import View
from failoverdns.state import State
from failoverdns.store.interface import Store, Unavailable
from failoverdns.wire.requests import Result, Streamed
from failoverdns.wire.zone_text import record_lines


async def read(state: State, store: Store, query: Query) -> Result:
    """Return the result of a command that changes nothing; raises Rejected."""
    match query:
        case Status(None):
            copy = state.copy()
            return {
                "revision": copy.revision,
                "zones": [zone_report(copy, zone) for zone in copy.zones],
                "applications": Streamed(application_report(copy, a) for a in copy.applications()),
                "groups": Streamed(group_report(copy, group) for group in copy.groups()),
            }
        case Status(name):
            return _group_status(state, name)
        case ListApplications():
            copy = state.copy()
            return {
                "applications": Streamed(application_report(copy, a) for a in copy.applications())
            }
        case ListGroups():
            copy = state.copy()
            return {"groups": Streamed(group_report(copy, group) for group in copy.groups())}
        case History():
            return await _history(state, store, query)
        case Records(origin):
            zones = state.zones if origin is None else (find_zone(state, origin),)
            return {"text": Streamed(_zone_text(state.copy(), zones), text=True)}
        case Watch():
            return {"watching": True}
        case _:
            assert_never(query)


def _group_status(view: View, name: str | None) -> Result:
    group = find_group(view, name or "")
    zone = view.zone(group.zone)
    attached = (application_on(view, group, side) for side in Side)
    return {
        "revision": view.revision,
        "zones": [zone_report(view, zone)] if zone is not None else [],
        "applications": [application_report(view, a) for a in attached if a is not None],
        "groups": [group_report(view, group)],
    }


async def _history(state: State, store: Store, query: History) -> Result:
    subjects = None
    if query.group is not None:
        group = state.group_named(query.group)
        subjects = [group_subject(query.group)]
        if group is not None:
            subjects += [group.id, *group.applications]
    try:
        changes = await store.history(subjects, query.limit)
    except (Unavailable, Corrupt) as fault:
        raise Rejected("unavailable", f"the history cannot be read: {fault}") from None
    if subjects is not None and not changes:
        find_group(state, query.group or "")
    return {"history": [history_report(change) for change in changes]}


def _zone_text(view: View, zones: Iterable[Zone]) -> Iterator[Json]:
    """Yield each zone's records, SOA first, in pieces of one name."""
    for zone in zones:
        serial = view.serial(zone.origin)
        if serial is not None:
            yield f"$ORIGIN {zone.origin.absolute_text()}\n"
            soa = zone.start_of_authority(serial.serial)
            yield record_lines(soa.owner, soa.records)
        for node in all_nodes(view):
            if node.zone == zone.origin:
                yield "".join(record_lines(node.owner, records) for records in node.rrsets)
