"""Commands that change nothing: status, lists, history, records.

Long results are read from a copy of the state and handed out piece by piece, so that nobody waits
for them; a short one is read as it is.
Refuses to know sockets and who asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from failoverdns.changes.rehearsing import rehearsal
from failoverdns.changes.state import State
from failoverdns.control.auditing import exported, told, verified
from failoverdns.control.language.requests import Result, Streamed
from failoverdns.model.application import Application
from failoverdns.model.change import Json
from failoverdns.model.commands import LogCommand, ReadCommand
from failoverdns.model.commands.applications import ListApplications
from failoverdns.model.commands.automation import ListFlags, ListPlans
from failoverdns.model.commands.certificates import (
    ChallengeName,
    ListCertificates,
    RotateKey,
    ShowCertificate,
)
from failoverdns.model.commands.groups import Explain, ListGroups, Preflight, Rehearse
from failoverdns.model.commands.health import ReportHealth, ShowHealth
from failoverdns.model.commands.history import ExportHistory, History, VerifyHistory
from failoverdns.model.commands.server import (
    ExportRecords,
    QueryLogOff,
    QueryLogOn,
    QueryLogStatus,
    Status,
    Watch,
)
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.group import Side
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import Zone
from failoverdns.pki.certificates import read_bundle
from failoverdns.protocol.zone_text import record_lines
from failoverdns.rules.decisions.certificates import certificate_report
from failoverdns.rules.decisions.operator_controls import flags_report
from failoverdns.rules.decisions.preflight import plan_flight, preflight_report
from failoverdns.rules.derived.challenges import challenge_name
from failoverdns.rules.derived.entity_lookup import find_application, find_group, find_zone
from failoverdns.rules.derived.serving import all_nodes, application_on
from failoverdns.rules.derived.view import View
from failoverdns.rules.explaining import explanation
from failoverdns.rules.reports.health_reports import application_health, head_health
from failoverdns.rules.reports.plan_report import plan_report
from failoverdns.rules.reports.reporting import application_report, group_report, zone_report
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable

SHOWN_FETCHES = 20
"""Fetches that `certificate show` tells."""


class Probing(Protocol):
    """What is known of probes, and where reports from outside go."""

    def last_seen(self, application: Application) -> list[Json]:
        """Report what each check of each head of an application last saw."""

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Take what a head or a monitor says; raises Rejected."""


class NotProbing:
    """Nothing is probed."""

    def last_seen(self, application: Application) -> list[Json]:
        """Report nothing."""
        return []

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Refuse it."""
        raise Rejected("unavailable", "nothing is probed here")


async def _tell_nothing(*_: object) -> dict[str, Json]:
    return {}


@dataclass(frozen=True, slots=True)
class Source:
    """What can be read: the state, the store behind it, the time, how hooks and server are doing.

    `now` in seconds since 1970, `steady` those of the clock that nobody sets; `asks_hooks` if a
    switch has to wait for some; `query_log` carries out the commands of the query log.
    """

    state: State
    store: Store
    now: float
    steady: float = 0.0
    hooks: Callable[[], list[Json]] = list
    asks_hooks: bool = False
    server: Callable[[], Awaitable[dict[str, Json]]] = _tell_nothing
    query_log: Callable[[LogCommand], Awaitable[dict[str, Json]]] = _tell_nothing
    probing: Probing = field(default_factory=NotProbing)


async def read(source: Source, query: ReadCommand) -> Result:
    """Return the result of a command that changes nothing served; raises Rejected."""
    state, store = source.state, source.store
    match query:
        case Status(None):
            copy = state.copy()
            return {
                "revision": copy.revision,
                "zones": [zone_report(copy, zone) for zone in copy.zones],
                "applications": Streamed(application_report(copy, a) for a in copy.applications()),
                "groups": Streamed(group_report(copy, group) for group in copy.groups()),
                "hooks": source.hooks(),
                "server": await source.server(),
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
            return await told(state, store, query)
        case ExportHistory():
            return await exported(state, store, query)
        case VerifyHistory():
            return await verified(store, query)
        case ExportRecords(origin):
            zones = state.zones if origin is None else (find_zone(state, origin),)
            return {"text": Streamed(_zone_text(state.copy(), zones), text=True)}
        case Watch():
            return {"watching": True}
        case ShowCertificate():
            return await _certificate(source, query)
        case ListCertificates():
            copy, now = state.copy(), source.now
            having = (a for a in copy.applications() if _has_any(copy, a))
            return {"certificates": Streamed(certificate_report(copy, a, now) for a in having)}
        case ChallengeName():
            return challenge_name(state, query)
        case Preflight():
            return await _preflight(source, query)
        case Explain():
            group = find_group(state, query.group)
            return explanation(state, group, source.now, source.steady, source.probing.last_seen)
        case Rehearse():
            return rehearsal(state, query, source.now, source.steady)
        case ShowHealth():
            return _health(source, query)
        case ReportHealth():
            return await source.probing.take_report(query)
        case ListFlags():
            return {"flags": flags_report(state)}
        case ListPlans():
            plans = (plan_report(group) for group in state.groups() if group.automation.plan)
            return {"plans": [plan for plan in plans if plan is not None]}
        case RotateKey():
            try:
                return {"rotated": await store.rotate_key()}
            except (Unavailable, OutcomeUnknown, Corrupt) as fault:
                text = f"the key could not be rotated, and the old one still works: {fault}"
                raise Rejected("unavailable", text) from None
        case QueryLogOn() | QueryLogOff() | QueryLogStatus():
            return await source.query_log(query)
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


def _health(source: Source, query: ShowHealth) -> Result:
    """Report the health of one application, or of all that have checks or are forced."""
    if query.application is not None:
        found: Iterable[Application] = (find_application(source.state, query.application),)
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
                "heads": [{"name": head.name, **head_health(head)} for head in application.heads],
                "probes": source.probing.last_seen(application),
            }
            for application in found
        )
    }


def _has_any(view: View, application: Application) -> bool:
    found = view.certificate(application.id), view.order_for(application.id)
    return found != (None, None)


async def _certificate(source: Source, query: ShowCertificate) -> Result:
    application = find_application(source.state, query.application)
    if not _has_any(source.state, application):
        raise Rejected("not-found", f"application {application.name!r} has no certificate")
    report = certificate_report(source.state, application, source.now)
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


async def _preflight(source: Source, query: Preflight) -> Result:
    flight = plan_flight(source.state, query, source.now, source.steady)
    fault = None
    if flight.certificate is not None:
        fault = await _key_fault(source.store, flight.certificate.facts.bundle)
    return preflight_report(source.state, flight, source.now, fault, asks_hooks=source.asks_hooks)


async def _key_fault(store: Store, id_: str) -> str | None:
    """Say what is wrong with a bundle in the vault; None if nothing is."""
    try:
        bundle = await store.bundle(id_)
        if bundle is None:
            return "the vault does not have it: install the certificate again"
        read_bundle(bundle.chain, bundle.key.reveal())
    except (Unavailable, Corrupt) as fault:
        return str(fault)
    except Rejected as fault:
        return fault.message
    return None


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
