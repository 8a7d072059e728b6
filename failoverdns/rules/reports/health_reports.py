"""Reports about health and automation: for `status`, `health show`, history and events.

Forced health is shown beside observed health.  What follows from either is explained in
`rules.explaining`.
"""

from __future__ import annotations

from failoverdns.model.application import Application, Head
from failoverdns.model.change import Json
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Forced, Health, Quorum
from failoverdns.model.policy import Mode, Policy
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.derived.active_side import policy_of, side_condition
from failoverdns.rules.derived.health import (
    NOT_OBSERVED,
    Condition,
    application_condition,
    head_condition,
    observed_of,
)
from failoverdns.rules.derived.obstacles import guarded_until, report_of
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.plan_report import plan_report

OBSERVED, CAUSE, FORCED = "observed ", "cause ", "forced "
"""Prefixes of fields in the history, before the name of a head, which has no blanks."""


def application_health(application: Application) -> dict[str, Json]:
    """Return the report of an application's health: what counts, and the observed and forced."""
    return {
        **_condition(application_condition(application)),
        "observed": observed_of(application).health.value,
        "forced": _forced(application.forced),
        "checks": list(application.checks),
        "require_checks": application.require_checks,
        "require_heads": application.require_heads,
    }


def head_health(head: Head) -> dict[str, Json]:
    """Return the report of a head's health: what counts, and the observed and forced."""
    observed = head.observed or NOT_OBSERVED
    return {
        **_condition(head_condition(head)),
        "observed": observed.health.value,
        "cause": observed.cause.value if observed.cause is not None else None,
        "detail": observed.detail or None,
        "forced": _forced(head.forced),
    }


def group_automation(view: View, group: Group) -> dict[str, Json]:
    """Return the report of a group's automation: policy, health, maintenance, held switch, plan."""
    automation, policy = group.automation, policy_of(view, group)
    maintenance, held = automation.maintenance, automation.held
    return {
        "policy": automation.policy,
        "mode": policy.mode.value,
        "health": {side.value: side_condition(view, group, side).health.value for side in Side},
        "maintenance": None
        if maintenance is None
        else {"since": timestamp(maintenance.since), "reason": maintenance.reason},
        "held": None
        if held is None
        else {"to": held.to, "rules": list(held.reasons), "since": timestamp(held.since)},
        "plan": plan_report(group),
        "warnings": list(report_of(view, group)),
        "guarded_until": _guarded_until(policy, group),
    }


def _guarded_until(policy: Policy, group: Group) -> str | None:
    """Return when the flap guard has room again, if the group used it up; that may be past."""
    if policy.mode is Mode.MANUAL:
        return None
    return timestamp(guarded_until(policy, group.automation.automatic, policy.max_switches) or None)


def health_fields(application: Application) -> dict[str, Json]:
    """Return the fields of an application's health for the history; None leaves a field out."""
    fields: dict[str, Json] = {
        "checks": list(application.checks) or None,
        "require_checks": _unusual(application.require_checks, "all"),
        "require_heads": _unusual(application.require_heads, "any"),
        "forced": _forced_text(application.forced),
    }
    health = application_condition(application).health
    fields["health"] = health.value if health is not Health.UNKNOWN else None
    for head in application.heads:
        observed = head.observed or NOT_OBSERVED
        if observed.health is not Health.UNKNOWN:
            fields[OBSERVED + head.name] = observed.health.value
        if observed.cause is not None:
            fields[CAUSE + head.name] = f"{observed.cause.value}: {observed.detail}"
        if head.forced is not None:
            fields[FORCED + head.name] = _forced_text(head.forced)
    return fields


def automation_fields(group: Group) -> dict[str, Json]:
    """Return the fields of a group's automation for the history; None leaves a field out."""
    automation = group.automation
    maintenance, held, plan = automation.maintenance, automation.held, automation.plan
    fields: dict[str, Json] = {
        "policy": automation.policy,
        "maintenance": None if maintenance is None else maintenance.reason or "on",
        "held": None if held is None else f"from {held.to} by {', '.join(held.reasons)}",
        "plan": None if plan is None else f"to {plan.to} at {timestamp(plan.at)}",
    }
    if plan is not None and plan.lowered_at is not None:
        fields["served_ttl"] = group.served_ttl
    return fields


def _condition(condition: Condition) -> dict[str, Json]:
    known = condition.health is not Health.UNKNOWN
    return {
        "health": condition.health.value,
        "since": timestamp(condition.since) if known else None,
    }


def _forced(forced: Forced | None) -> dict[str, Json] | None:
    if forced is None:
        return None
    return {
        "health": forced.health.value,
        "since": timestamp(forced.since),
        "reason": forced.reason,
    }


def _forced_text(forced: Forced | None) -> str | None:
    if forced is None:
        return None
    return forced.health.value + (f" ({forced.reason})" if forced.reason else "")


def _unusual(quorum: Quorum, usual: Quorum) -> Quorum | None:
    return None if quorum == usual else quorum
