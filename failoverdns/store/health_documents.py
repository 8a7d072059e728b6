"""What has to do with health and automation as JSON documents, within those of `store.documents`.

What says nothing is left out, so that an application or group that has nothing to do with it
reads as it did before there was any of this.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from failoverdns.model.application import Application, Head
from failoverdns.model.group import Side
from failoverdns.model.health import Cause, Forced, Health, Observed, Quorum
from failoverdns.model.policy import NO_AUTOMATION, Automation, Flag, Held, Maintenance, Plan

Document = dict[str, Any]

APPLICATION_FIELDS = ("checks", "require_checks", "require_heads", "forced")
"""Fields of an application that may be left out."""


def write_head_health(head: Head) -> Document:
    """Return the fields of a head's document that are about health."""
    found: Document = {}
    if (observed := head.observed) is not None:
        found["observed"] = {
            "health": observed.health.value,
            "since": observed.since,
            "cause": observed.cause.value if observed.cause is not None else None,
            "detail": observed.detail,
        }
    return found | _write_forced(head.forced)


def read_observed(document: Document | None) -> Observed | None:
    """Return what was observed; raises KeyError or ValueError."""
    if document is None:
        return None
    cause = document["cause"]
    return Observed(
        Health(document["health"]),
        document["since"],
        Cause(cause) if cause is not None else None,
        document["detail"],
    )


def read_forced(document: Document | None) -> Forced | None:
    """Return what was forced; raises KeyError or ValueError."""
    if document is None:
        return None
    return Forced(Health(document["health"]), document["since"], document["reason"])


def write_application_health(application: Application) -> Document:
    """Return the fields of an application's document that are about health."""
    found: Document = {}
    if application.checks:
        found["checks"] = list(application.checks)
    if application.require_checks != "all":
        found["require_checks"] = application.require_checks
    if application.require_heads != "any":
        found["require_heads"] = application.require_heads
    return found | _write_forced(application.forced)


def read_application_health(
    document: Document,
) -> tuple[tuple[str, ...], Quorum, Quorum, Forced | None]:
    """Return checks, both quorums and what was forced; raises KeyError or ValueError."""
    return (
        tuple(document.get("checks", ())),
        document.get("require_checks", "all"),
        document.get("require_heads", "any"),
        read_forced(document.get("forced")),
    )


def write_automation(automation: Automation) -> Document:
    """Return the fields of a group's document that are about automation."""
    if automation == NO_AUTOMATION:
        return {}
    return {"automation": {key: value for key, value in asdict(automation).items() if value}}


def read_automation(document: Document | None) -> Automation:
    """Return a group's automation; raises KeyError, TypeError or ValueError."""
    if document is None:
        return NO_AUTOMATION
    fields = dict(document)
    maintenance, held, plan = (fields.pop(key, None) for key in ("maintenance", "held", "plan"))
    if held is not None:
        held = Held(**held | {"to": Side(held["to"]).value, "reasons": tuple(held["reasons"])})
    if plan is not None:
        plan = Plan(**plan | {"to": Side(plan["to"]).value, "override": tuple(plan["override"])})
    return Automation(
        maintenance=Maintenance(**maintenance) if maintenance is not None else None,
        held=held,
        plan=plan,
        automatic=tuple(fields.pop("automatic", ())),
        **fields,
    )


def write_flag(flag: Flag) -> Document:
    """Return the document of a flag."""
    return {"kind": "flag", **asdict(flag)}


def read_flag(document: Document) -> Flag:
    """Return the flag that a document holds; raises TypeError."""
    return Flag(**{key: value for key, value in document.items() if key != "kind"})


def _write_forced(forced: Forced | None) -> Document:
    if forced is None:
        return {}
    return {
        "forced": {
            "health": forced.health.value,
            "since": forced.since,
            "reason": forced.reason,
        }
    }
