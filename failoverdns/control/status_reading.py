"""The status of the server, or of one group: zones, applications, groups, and the store.

The status of everything is read from a copy of the state and sent piece by piece; that of one group
is short.  The lists of zones, applications and groups are commands of their own, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from failoverdns.control.language.requests import Result, Streamed
from failoverdns.control.source import Source
from failoverdns.control.store_report import UnrecordedNotes, store_report
from failoverdns.model.application import Application
from failoverdns.model.change import Json
from failoverdns.model.group import Group, Side
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.entity_lookup import find_group
from failoverdns.rules.derived.targets import application_on
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.reporting import application_report, group_report, zone_report


async def full_status(source: Source) -> Result:
    """Return the status of everything."""
    copy, notes = source.state.copy(), unrecorded_notes(source)
    return {
        "revision": copy.revision,
        "zones": [*zone_reports(source, copy)],
        "applications": Streamed(application_reports(copy, copy.applications(), notes)),
        "groups": Streamed(group_reports(copy, copy.groups(), notes)),
        "hooks": source.effects.hooks(),
        "server": await _server(source),
        "store": store_condition(source),
    }


def group_status(source: Source, name: str) -> Result:
    """Return the status of one group, with its zone and applications; raises Rejected."""
    view, notes = source.state, unrecorded_notes(source)
    group = find_group(view, name)
    zone = view.zone(group.zone)
    attached = (application_on(view, group, side) for side in Side)
    return {
        "revision": view.revision,
        "zones": [_zone(source, view, zone)] if zone is not None else [],
        "applications": [*application_reports(view, (a for a in attached if a is not None), notes)],
        "groups": [*group_reports(view, (group,), notes)],
        "store": store_condition(source),
    }


def zone_reports(source: Source, view: View, *, with_catalog: bool = False) -> Iterator[Json]:
    """Yield reports of zones; that of the catalog zone has its name, serial and secondaries."""
    for zone in view.zones:
        yield _zone(source, view, zone)
    catalog = source.effects.following.catalog if with_catalog else None
    if catalog is not None:
        serial = view.serial(catalog)
        yield {
            "name": catalog.to_text(),
            "catalog": True,
            "serial": serial.serial if serial is not None else None,
            "secondaries": source.effects.following.of_zone(catalog),
        }


def _zone(source: Source, view: View, zone: Zone) -> dict[str, Json]:
    return {
        **zone_report(view, zone),
        "secondaries": source.effects.following.of_zone(zone.origin),
    }


def application_reports(
    view: View, found: Iterable[Application], notes: UnrecordedNotes
) -> Iterator[Json]:
    """Yield reports of applications."""
    for each in found:
        yield {**application_report(view, each), "unrecorded": notes.about(each.id)}


def group_reports(view: View, found: Iterable[Group], notes: UnrecordedNotes) -> Iterator[Json]:
    """Yield reports of groups; a revision that is not stored yet is not reported."""
    for each in found:
        revision = min(each.revision, view.revision)
        unrecorded = notes.about(each.id)
        yield {**group_report(view, each), "revision": revision, "unrecorded": unrecorded}


def unrecorded_notes(source: Source) -> UnrecordedNotes:
    """Return which steps are served and not stored."""
    return UnrecordedNotes(source.outage, source.overlay.since())


def store_condition(source: Source) -> dict[str, Json]:
    """Return the condition of the store."""
    return store_report(source.store.condition(), source.outage, source.overlay)


async def _server(source: Source) -> dict[str, Json]:
    """Return what the rest of the server reports of itself."""
    found = await source.effects.server()
    clients = found.get("control")
    counts = clients if isinstance(clients, dict) else {}
    return {
        "behind": source.behind,
        **found,
        "automation": source.effects.automation(),
        "control": {**counts, "forbidden": source.forbidden},
    }
