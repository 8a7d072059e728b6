"""Reports about groups, applications, zones and changes, as replies to commands show them."""

from __future__ import annotations

from failoverdns.model.application import Application, Head, Hostname, target_texts
from failoverdns.model.change import HistoryEntry, Json
from failoverdns.model.group import Group, Side
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import Freshness
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.apex import answering_group, configured_target, is_answered_here
from failoverdns.rules.derived.serving import application_role
from failoverdns.rules.derived.targets import (
    alias_problem,
    answer_of,
    application_on,
    target_of,
    unresolved,
)
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import hostname, web_head, web_heads
from failoverdns.rules.reports.health_reports import (
    application_health,
    group_automation,
    head_health,
)


def group_report(view: View, group: Group) -> dict[str, Json]:
    """Return the report of a group: its hostname, what it answers, and the target of each side."""
    report: dict[str, Json] = {
        "name": group.name,
        "id": group.id,
        "hostname": group.hostname.to_text(),
        "zone": group.zone.to_text(),
        "ttl": group.ttl,
        "active": group.active.value,
        "revision": group.revision,
        "flatten": group.flatten,
    }
    for side in Side:
        application = application_on(view, group, side)
        if application is not None:
            attached: dict[str, Json] = {
                "application": application.name,
                "id": application.id,
                "targets": list[Json](target_texts(target_of(view, group, side))),
            }
            if group.flatten and isinstance(target := web_head(application), Hostname):
                attached["resolved"] = _resolved_report(view, target)
            report[side.value] = attached
    report["answers"] = list[Json](target_texts(answer_of(view, group)))
    report["drained_at"] = timestamp(group.drained_at)
    report["automation"] = group_automation(view, group)
    return report


def _resolved_report(view: View, target: Hostname) -> dict[str, Json]:
    """Return the report of the last good answer for a flattened hostname, and its age."""
    resolved, fresh = view.resolved(target.name), view.freshness(target.name)
    return {
        "hostname": target.name.to_text(),
        "since": timestamp(resolved.since if resolved is not None else None),
        "checked_at": timestamp(fresh.checked_at if fresh is not None else None),
        "ttl": fresh.ttl if fresh is not None else None,
        "problem": _problem(view, target, fresh),
    }


def _problem(view: View, target: Hostname, fresh: Freshness | None) -> str | None:
    """Return why a flattened hostname has no fresh answer, or None if it has one."""
    if is_answered_here(view, target.name):
        configured, _ = configured_target(view.zone, target.name)
        return f"it {unresolved(view, target)}" if configured is None else None
    return fresh.problem if fresh is not None else "not resolved since the start"


def application_report(view: View, application: Application) -> dict[str, Json]:
    """Return the report of an application: its heads, its web head, its role and its health."""
    return {
        "name": application.name,
        "id": application.id,
        "hostname_template": application.hostname_template,
        "role": application_role(view, application).value,
        "heads": [_head_report(application, head) for head in application.heads],
        "web_head": {
            "heads": [head.name for head in web_heads(application)],
            "targets": list[Json](target_texts(web_head(application))),
        },
        "health": application_health(application),
        "certificate": _certificate_summary(view, application),
    }


def zone_report(view: View, zone: Zone) -> dict[str, Json]:
    """Return the report of a zone: its serial number, name servers, times and what it reveals."""
    serial = view.serial(zone.origin)
    report: dict[str, Json] = {
        "name": zone.origin.to_text(),
        "serial": serial.serial if serial is not None else None,
        "nameservers": [server.name.to_text() for server in zone.nameservers],
        "ttl": zone.ttl,
        "negative_ttl": zone.negative_ttl,
        "soa": {
            "refresh": zone.soa.refresh,
            "retry": zone.soa.retry,
            "expire": zone.soa.expire,
        },
        "reveal": {"sides": zone.reveal.sides, "status": zone.reveal.status},
        "stored_records": view.stored_count(zone.origin),
    }
    if zone.alias is not None:
        report["alias"] = _alias_report(view, zone.alias)
    return report


def _alias_report(view: View, alias: DomainName) -> dict[str, Json]:
    """Return the report of a zone's alias: the group that it leads to, or its last good answer."""
    if not is_answered_here(view, alias):
        return {**_resolved_report(view, Hostname(alias)), "group": None}
    group = answering_group(view, alias)
    return {
        "hostname": alias.to_text(),
        "since": None,
        "checked_at": None,
        "ttl": None,
        "problem": alias_problem(view, alias),
        "group": group.name if group is not None else None,
    }


def history_report(change: HistoryEntry) -> dict[str, Json]:
    """Return a change as `history` and `watch` show it."""
    return {
        "revision": change.revision,
        "time": timestamp(change.time),
        "who": change.principal.who,
        "command": dict(change.command),
        "changed": [dict(part) for part in change.changed],
    }


def _certificate_summary(view: View, application: Application) -> dict[str, Json] | None:
    """Return the most important facts of a certificate; `certificate show` has the others."""
    certificate = view.certificate(application.id)
    if certificate is None:
        return None
    return {
        "kind": certificate.kind.value,
        "names": list(certificate.facts.names),
        "fingerprint": certificate.facts.fingerprint,
        "not_after": timestamp(certificate.facts.not_after),
        "warnings": list(certificate.facts.warnings),
    }


def _head_report(application: Application, head: Head) -> dict[str, Json]:
    report: dict[str, Json] = {
        "name": head.name,
        "role": head.role.value,
        "active": head in web_heads(application),
        "addresses": [str(address) for address in head.addresses],
        "health": head_health(head),
    }
    if not head.addresses:
        report["hostname"] = hostname(application, head).to_text()
    return report
