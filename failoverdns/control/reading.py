"""Commands that only read: status, lists, history, records.

Long results are read from a copy of the state and sent piece by piece, so that other clients do
not wait for them; short ones are read at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from failoverdns.changes.counting import LedgerCounts
from failoverdns.changes.overlay import Overlay
from failoverdns.changes.rehearsing import rehearsal
from failoverdns.changes.state import State
from failoverdns.control.auditing import exported, last_changes, verified
from failoverdns.control.caller import Caller
from failoverdns.control.counting import CommandCounts
from failoverdns.control.effects import CommandEffects
from failoverdns.control.language.requests import Result, Streamed
from failoverdns.control.statistics import statistics
from failoverdns.control.store_report import UnrecordedNotes, store_report
from failoverdns.model.application import Application
from failoverdns.model.certificate import Facts
from failoverdns.model.change import Json
from failoverdns.model.commands import ReadCommand
from failoverdns.model.commands.applications import ListApplications
from failoverdns.model.commands.automation import ListFlags, ListPlans
from failoverdns.model.commands.certificates import (
    ChallengeName,
    ListCertificates,
    ShowCertificate,
)
from failoverdns.model.commands.groups import Explain, ListGroups, Preflight, Rehearse
from failoverdns.model.commands.health import ShowHealth
from failoverdns.model.commands.history import ExportHistory, History, VerifyHistory
from failoverdns.model.commands.records import ListRecords
from failoverdns.model.commands.secondaries import ListSecondaries, ListZones
from failoverdns.model.commands.server import (
    ExportRecords,
    QueryLogStatus,
    Stats,
    Status,
    Watch,
    WhoAmI,
)
from failoverdns.model.commands.tokens import ListTokens
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.group import Group, Side
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.principal import PrincipalKind
from failoverdns.model.store_condition import Outage
from failoverdns.model.timestamps import timestamp
from failoverdns.model.token import Token
from failoverdns.model.zone import Zone
from failoverdns.pki.certificates import judged, key_fault
from failoverdns.protocol.zone_text import record_lines
from failoverdns.rules.decisions.preflight import Soundness, plan_flight, preflight_report
from failoverdns.rules.derived.challenges import challenge_name
from failoverdns.rules.derived.entity_lookup import find_application, find_group, find_zone
from failoverdns.rules.derived.serving import nodes_in_parts
from failoverdns.rules.derived.targets import application_on
from failoverdns.rules.derived.view import View
from failoverdns.rules.explaining import explanation
from failoverdns.rules.reports.certificate_reports import certificate_report
from failoverdns.rules.reports.flag_reports import flags_report
from failoverdns.rules.reports.health_reports import application_health, head_health
from failoverdns.rules.reports.plan_report import plan_report
from failoverdns.rules.reports.record_reports import stored_list
from failoverdns.rules.reports.reporting import application_report, group_report, zone_report
from failoverdns.rules.reports.token_reports import token_report, use_report
from failoverdns.store.interface import Store, Unavailable

SHOWN_FETCHES = 20
"""Fetches that `certificate show` reports."""


@dataclass(frozen=True, slots=True)
class Source:
    """What can be read: the state, the store behind it, and what the rest of the server reports.

    `behind` is true if the state may hold changes that are not served yet.  `outage` is set while
    the store cannot be written; `overlay` has the steps that are served and not stored.  `caller`
    reads; `forbidden` counts the commands that were forbidden since the start, `counts` all
    commands, and `ledger` what the ledger did.
    """

    state: State
    store: Store
    moment: Moment
    behind: bool
    outage: Outage | None
    overlay: Overlay
    effects: CommandEffects
    caller: Caller
    forbidden: int
    counts: CommandCounts
    ledger: LedgerCounts


async def read(source: Source, command: ReadCommand) -> Result:
    """Return the result of a command that only reads; raises Rejected."""
    state, store = source.state, source.store
    match command:
        case Status(None):
            copy, notes = state.copy(), _notes(source)
            return {
                "revision": copy.revision,
                "zones": [*_zones(source, copy)],
                "applications": Streamed(_applications(copy, copy.applications(), notes)),
                "groups": Streamed(_groups(copy, copy.groups(), notes)),
                "hooks": source.effects.hooks(),
                "server": await _server(source),
                "store": _store(source),
            }
        case Status(name):
            return _group_status(source, name)
        case Stats():
            return await statistics(source, command)
        case ListApplications():
            copy, notes = state.copy(), _notes(source)
            return {"applications": Streamed(_applications(copy, copy.applications(), notes))}
        case ListGroups():
            copy, notes = state.copy(), _notes(source)
            return {"groups": Streamed(_groups(copy, copy.groups(), notes))}
        case History():
            return await last_changes(state, store, command)
        case ExportHistory():
            return await exported(state, store, command)
        case VerifyHistory():
            return await verified(state, store, command)
        case ExportRecords(origin):
            zones = state.zones if origin is None else (find_zone(state, origin),)
            return {"text": Streamed(_zone_text(state.copy(), zones), text=True)}
        case ListRecords(origin):
            return _stored_records(state, origin)
        case Watch():
            return {"watching": True}
        case WhoAmI():
            return _caller_report(source)
        case ShowCertificate():
            return await _certificate(source, command)
        case ListCertificates():
            copy, now = state.copy(), source.moment.now
            having = (a for a in copy.applications() if _has_any(copy, a))
            return {"certificates": Streamed(certificate_report(copy, a, now) for a in having)}
        case ChallengeName():
            return challenge_name(state, command)
        case Preflight():
            return await _preflight(source, command)
        case Explain():
            return _explanation(source, command)
        case Rehearse():
            return rehearsal(state, command, source.moment)
        case ShowHealth():
            return _health(source, command)
        case ListZones():
            return {"zones": Streamed(_zones(source, state.copy(), with_catalog=True))}
        case ListSecondaries():
            return {"secondaries": source.effects.following.secondaries()}
        case ListFlags():
            return {"flags": flags_report(state)}
        case ListTokens():
            return {"tokens": Streamed(_tokens(source, state.copy()))}
        case ListPlans():
            plans = (plan_report(group) for group in state.groups() if group.automation.plan)
            return {"plans": [plan for plan in plans if plan is not None]}
        case QueryLogStatus():
            return await source.effects.query_log(command)
        case _:
            raise TypeError(f"{type(command).__name__} is not carried out here")


async def _server(source: Source) -> dict[str, Json]:
    found = await source.effects.server()
    clients = found.get("control")
    counts = clients if isinstance(clients, dict) else {}
    return {
        "behind": source.behind,
        **found,
        "automation": source.effects.automation(),
        "control": {**counts, "forbidden": source.forbidden},
    }


def _tokens(source: Source, view: View) -> Iterator[Json]:
    """Yield a report of each token, with its last use."""
    for token in view.entities(Token):
        use = use_report(source.effects.token_uses.last(token.id))
        yield {**token_report(view, token, source.moment.now), **use}


def _caller_report(source: Source) -> dict[str, Json]:
    """Return the principal that asks, its highest role, each of its grants, and its token."""
    principal, rights = source.caller.principal, source.caller.rights()
    is_token = principal.kind is PrincipalKind.TOKEN
    token = source.state.entity(Token, principal.name) if is_token else None
    report = token_report(source.state, token, source.moment.now) if token is not None else None
    return {
        "principal": principal.text,
        "role": rights.role.value if rights.role is not None else None,
        "grants": [
            {
                "role": grant.role.value,
                "groups": list(grant.groups) if grant.groups is not None else None,
                "applications": (
                    list(grant.applications) if grant.applications is not None else None
                ),
            }
            for grant in rights.grants
        ],
        **({"token": report} if report is not None else {}),
    }


def _stored_records(state: State, origin: DomainName | None) -> Result:
    """List the stored records of a zone, also of one that is not configured any more."""
    if origin is not None and not state.stored_count(origin):
        find_zone(state, origin)
    return {"records": Streamed(stored_list(state.copy(), origin))}


def _group_status(source: Source, name: str | None) -> Result:
    view, notes = source.state, _notes(source)
    group = find_group(view, name or "")
    zone = view.zone(group.zone)
    attached = (application_on(view, group, side) for side in Side)
    return {
        "revision": view.revision,
        "zones": [_zone(source, view, zone)] if zone is not None else [],
        "applications": [*_applications(view, (a for a in attached if a is not None), notes)],
        "groups": [*_groups(view, (group,), notes)],
        "store": _store(source),
    }


def _zones(source: Source, view: View, *, with_catalog: bool = False) -> Iterator[Json]:
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


def _notes(source: Source) -> UnrecordedNotes:
    return UnrecordedNotes(source.outage, source.overlay.since())


def _store(source: Source) -> dict[str, Json]:
    return store_report(source.store.condition(), source.outage, source.overlay)


def _applications(
    view: View, found: Iterable[Application], notes: UnrecordedNotes
) -> Iterator[Json]:
    for each in found:
        yield {**application_report(view, each), "unrecorded": notes.about(each.id)}


def _groups(view: View, found: Iterable[Group], notes: UnrecordedNotes) -> Iterator[Json]:
    """Yield reports of groups; a revision that is not stored yet is not reported."""
    for each in found:
        revision = min(each.revision, view.revision)
        unrecorded = notes.about(each.id)
        yield {**group_report(view, each), "revision": revision, "unrecorded": unrecorded}


def _explanation(source: Source, command: Explain) -> Result:
    group = find_group(source.state, command.group)
    found = explanation(
        source.state,
        group,
        source.moment,
        source.effects.probing.last_seen,
        source.outage,
        unrecorded=source.overlay.since().get(group.id),
        is_full=source.overlay.is_full,
    )
    return {**found, "unrecorded": _notes(source).about(group.id), "store": _store(source)}


def _health(source: Source, command: ShowHealth) -> Result:
    """Report the health of one application, or of all that have checks or are forced."""
    notes = _notes(source)
    if command.application is not None:
        found: Iterable[Application] = (find_application(source.state, command.application),)
    else:
        found = (
            application
            for application in source.state.copy().applications()
            if application.checks
            or application.forced is not None
            or any(head.forced is not None for head in application.heads)
        )
    return {
        "applications": Streamed(
            {
                "name": application.name,
                "health": application_health(application),
                "unrecorded": notes.about(application.id),
                "heads": [{"name": head.name, **head_health(head)} for head in application.heads],
                "probes": source.effects.probing.last_seen(application),
            }
            for application in found
        ),
        "store": _store(source),
    }


def _has_any(view: View, application: Application) -> bool:
    found = view.certificate(application.id), view.order_for(application.id)
    return found != (None, None)


async def _certificate(source: Source, command: ShowCertificate) -> Result:
    application = find_application(source.state, command.application)
    if not _has_any(source.state, application):
        raise Rejected("not-found", f"application {application.name!r} has no certificate")
    report = certificate_report(source.state, application, source.moment.now)
    try:
        fetches = await source.store.fetches(application.id, SHOWN_FETCHES)
    except (Unavailable, Corrupt) as fault:
        raise Rejected("unavailable", f"the fetches cannot be read: {fault}") from None
    report["fetches"] = [
        {
            "time": timestamp(fetch.time),
            "client": fetch.client,
            "address": fetch.address,
            "fingerprint": fetch.fingerprint,
            "format": fetch.format,
        }
        for fetch in fetches
    ]
    return report


async def _preflight(source: Source, command: Preflight) -> Result:
    flight = plan_flight(source.state, command, source.moment)
    soundness = None
    if flight.certificate is not None:
        soundness = await _soundness(source, flight.certificate.facts)
    asks_hooks = source.effects.approval() is not None
    now = source.moment.now
    return preflight_report(source.state, flight, now, soundness, asks_hooks=asks_hooks)


async def _soundness(source: Source, facts: Facts) -> Soundness:
    """Return what is wrong with a bundle in the vault, and with its chain as clients see it now."""
    try:
        bundle = await source.store.bundle(facts.bundle)
        if bundle is None:
            return Soundness(facts, "the vault does not have it: install the certificate again")
        seen, faults = judged(facts, bundle.chain, source.effects.anchors(), source.moment.now)
        fault = key_fault(bundle.chain, bundle.key)
    except (Unavailable, Corrupt) as problem:
        return Soundness(facts, str(problem))
    except Rejected as problem:
        return Soundness(facts, problem.message)
    return Soundness(seen, fault, faults)


def _zone_text(view: View, zones: Iterable[Zone]) -> Iterator[Json]:
    """Yield each zone's records, SOA first, in pieces of one name."""
    for zone in zones:
        serial = view.serial(zone.origin)
        if serial is not None:
            yield f"$ORIGIN {zone.origin.absolute_text()}\n"
            soa = zone.start_of_authority(serial.serial)
            yield record_lines(soa.owner, soa.records)
        for part in nodes_in_parts(view):
            yield ""  # there may be very many names of other zones
            for node in part:
                if node.zone == zone.origin:
                    yield "".join(record_lines(node.owner, records) for records in node.rrsets)
