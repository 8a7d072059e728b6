"""Commands that only read: status, lists, history, records.

Long results are read from a copy of the state and sent piece by piece, so that other clients do
not wait for them; short ones are read at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from failoverdns.changes.rehearsing import rehearsal
from failoverdns.changes.state import State
from failoverdns.control.auditing import exported, last_changes, verified
from failoverdns.control.certificate_reading import has_certificate, preflight, shown_certificate
from failoverdns.control.language.requests import Result, Streamed
from failoverdns.control.source import Source
from failoverdns.control.statistics import statistics
from failoverdns.control.status_reading import (
    application_reports,
    full_status,
    group_reports,
    group_status,
    store_condition,
    unrecorded_notes,
    zone_reports,
)
from failoverdns.model.application import Application
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
from failoverdns.model.names import DomainName
from failoverdns.model.principal import PrincipalKind
from failoverdns.model.token import Token
from failoverdns.model.zone import Zone
from failoverdns.protocol.zone_text import record_lines
from failoverdns.rules.derived.challenges import challenge_name
from failoverdns.rules.derived.entity_lookup import find_application, find_group, find_zone
from failoverdns.rules.derived.serving import nodes_in_parts
from failoverdns.rules.derived.view import View
from failoverdns.rules.explaining import explanation
from failoverdns.rules.reports.certificate_reports import certificate_report
from failoverdns.rules.reports.flag_reports import flags_report
from failoverdns.rules.reports.health_reports import application_health, head_health
from failoverdns.rules.reports.plan_report import plan_report
from failoverdns.rules.reports.record_reports import stored_list
from failoverdns.rules.reports.token_reports import token_report, use_report


async def read(source: Source, command: ReadCommand) -> Result:
    """Return the result of a command that only reads; raises Rejected."""
    state, store = source.state, source.store
    match command:
        case Status(None):
            return await full_status(source)
        case Status(str(name)):
            return group_status(source, name)
        case Stats():
            return await statistics(source, command)
        case ListApplications():
            copy, notes = state.copy(), unrecorded_notes(source)
            return {"applications": Streamed(application_reports(copy, copy.applications(), notes))}
        case ListGroups():
            copy, notes = state.copy(), unrecorded_notes(source)
            return {"groups": Streamed(group_reports(copy, copy.groups(), notes))}
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
            return await shown_certificate(source, command)
        case ListCertificates():
            copy, now = state.copy(), source.moment.now
            having = (a for a in copy.applications() if has_certificate(copy, a))
            return {"certificates": Streamed(certificate_report(copy, a, now) for a in having)}
        case ChallengeName():
            return challenge_name(state, command)
        case Preflight():
            return await preflight(source, command)
        case Explain():
            return _explanation(source, command)
        case Rehearse():
            return rehearsal(state, command, source.moment)
        case ShowHealth():
            return _health(source, command)
        case ListZones():
            return {"zones": Streamed(zone_reports(source, state.copy(), with_catalog=True))}
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
    return {
        **found,
        "unrecorded": unrecorded_notes(source).about(group.id),
        "store": store_condition(source),
    }


def _health(source: Source, command: ShowHealth) -> Result:
    """Report the health of one application, or of all that have checks or are forced."""
    notes = unrecorded_notes(source)
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
        "store": store_condition(source),
    }


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
