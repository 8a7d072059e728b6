"""Events, by which external programs learn of changes, and their environment variables.

| event               | when                                                                |
|---------------------|---------------------------------------------------------------------|
| `switch`            | a group's other side became active                                  |
| `certificate`       | an application got another certificate: installed, issued, moved    |
| `role`              | an application became `online`, `offline` or `none`                 |
| `health`            | an application, or one of its heads, became `up`, `down`, `unknown` |
| `refused`           | an automatic or planned switch was refused, or a planned one missed |
| `secondary-behind`  | a secondary was behind in a zone for longer than the zone's TTL     |
| `secondary-in-step` | such a secondary is in step again                                   |

Events are made from the history entry of a change, so that they can be made again after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from failoverdns.model.application import Application
from failoverdns.model.change import HistoryEntry, Json
from failoverdns.model.commands.secondaries import BEHIND, IN_STEP
from failoverdns.model.event_kinds import EventKind
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.derived.targets import application_on
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.health_reports import CAUSE, OBSERVED

_GROUP_EVENTS = (EventKind.SWITCH, EventKind.REFUSED, EventKind.BEFORE_SWITCH)
_SECONDARY_EVENTS = {
    BEHIND: EventKind.SECONDARY_BEHIND,
    IN_STEP: EventKind.SECONDARY_IN_STEP,
}
"""The events about secondaries, by the internal commands that they are made of."""

_MOST_ZONES = 500
"""Zones that one event about a secondary names, at most."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event about an application, a group or a secondary, with the name `subject`.

    `id` is that of the application or group; it is empty for a secondary.

    `details` are pairs of names and values of environment variables, the names without prefix.
    """

    kind: EventKind
    subject: str
    id: str
    revision: int
    details: tuple[tuple[str, str], ...]

    def supersedes(self, other: Event) -> bool:
        """Return whether the earlier event `other` is out of date because of this one."""
        lasting = (EventKind.CERTIFICATE, EventKind.ROLE)
        return self.kind in lasting and (self.kind, self.id) == (other.kind, other.id)


def events_of(change: HistoryEntry) -> tuple[Event, ...]:
    """Return the events of a change, in the order of `EventKind`.

    Their time is when it happened, which may be before it was recorded.
    """
    found: list[Event] = []
    happened = change.command.get("happened") or timestamp(change.time) or ""
    about: dict[str, str] = {"TIME": str(happened)}
    reason = change.command.get("reason")
    if isinstance(reason, str):
        about["REASON"] = reason
    for part in change.changed:
        for kind, details in _happened(part, change):
            merged = tuple({**about, **details}.items())
            id_ = str(part.get("id", ""))
            found.append(Event(kind, str(part["name"]), id_, change.revision, merged))
    found += _secondary_events(change, about)
    order = list(EventKind)
    return tuple(sorted(found, key=lambda event: order.index(event.kind)))


def _happened(
    part: Mapping[str, Json], change: HistoryEntry
) -> Iterator[tuple[EventKind, dict[str, str]]]:
    """Yield the events of one description of a change: their kinds and details."""
    fields = cast(dict[str, Any], part.get("fields") or {})
    match part["kind"]:
        case "certificate" if part["done"] != "removed" and "fingerprint" in fields:
            yield EventKind.CERTIFICATE, {"FINGERPRINT": fields["fingerprint"][1]}
        case "group" if part["done"] == "changed":
            if "active" in fields:
                before, after = fields["active"]
                yield EventKind.SWITCH, {"FROM": before, "TO": after}
            yield from _refusals(fields, change.command)
        case "role":
            before, after = fields["role"]
            yield EventKind.ROLE, {"FROM": before, "ROLE": after}
        case "application" if part["done"] == "changed":
            yield from _health_events(fields)


def _secondary_events(change: HistoryEntry, about: Mapping[str, str]) -> Iterator[Event]:
    """Yield an event for each secondary that fell behind or is in step, with its zones.

    A secondary that fails is behind in all zones at once; that is one event.
    """
    kind = _SECONDARY_EVENTS.get(str(change.command.get("command")))
    zones: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    for part in change.changed if kind is not None else ():
        if part["kind"] == "secondary":
            fields = cast(dict[str, Any], part["fields"])
            place = 1 if part["done"] == "created" else 0
            name = str(part["name"])
            zones.setdefault(name, []).append(str(fields["zone"][place]))
            problems.setdefault(name, str(fields["problem"][place]))
    for name, found in zones.items():
        details = {**about, "ZONE": " ".join(found[:_MOST_ZONES])}
        if kind is EventKind.SECONDARY_BEHIND:
            details["PROBLEM"] = problems[name]
        if kind is not None:
            yield Event(kind, name, "", change.revision, tuple(details.items()))


def _refusals(
    fields: Mapping[str, Any], command: Mapping[str, Json]
) -> Iterator[tuple[EventKind, dict[str, str]]]:
    """Yield the event of an automatic or planned switch that was refused or missed."""
    rules, to = command.get("held"), str(command.get("to", ""))
    if "held" in fields and isinstance(rules, list):
        yield EventKind.REFUSED, {"TO": to, "RULES": " ".join(map(str, rules))}
    planned, outcome = fields.get("plan"), command.get("outcome")
    if planned is not None and outcome in ("missed", "refused"):
        failed = cast(list[dict[str, str]], command.get("rules") or [])
        named = " ".join(failure["rule"] for failure in failed)
        yield EventKind.REFUSED, {"PLAN": planned[0], "RULES": named or str(outcome)}


def _health_events(fields: Mapping[str, Any]) -> Iterator[tuple[EventKind, dict[str, str]]]:
    """Yield the events of changed health: of the application first, then of its heads."""
    if "health" in fields:
        yield EventKind.HEALTH, _from_to(fields["health"])
    for name, values in fields.items():
        if name.startswith(OBSERVED):
            head = name.removeprefix(OBSERVED)
            cause = fields.get(CAUSE + head, (None, None))[1]
            yield (
                EventKind.HEALTH,
                {"HEAD": head, **_from_to(values), **({"CAUSE": cause} if cause else {})},
            )


def _from_to(values: tuple[str | None, str | None]) -> dict[str, str]:
    before, after = (value or Health.UNKNOWN.value for value in values)
    return {"FROM": before, "TO": after}


def before_switch(group: Group, planned: dict[str, Any], reason: str | None) -> Event:
    """Return the event before the switch of one group.

    `planned` is the group's part of the reply to a dry run.
    """
    details = {"FROM": planned["from"], "TO": planned["to"]}
    if reason is not None:
        details["REASON"] = reason
    kind = EventKind.BEFORE_SWITCH
    return Event(kind, group.name, group.id, group.revision, tuple(details.items()))


def environment(view: View, event: Event) -> dict[str, str]:
    """Return the environment variables for an event.

    Applications and groups have their present names, or those of the event if they are removed.
    """
    variables = {"EVENT": event.kind.value, "REVISION": str(event.revision), **dict(event.details)}
    if event.kind in _SECONDARY_EVENTS.values():
        variables["SECONDARY"] = event.subject
    else:
        variables["GROUP" if event.kind in _GROUP_EVENTS else "APPLICATION"] = event.subject
    group = _group(view, event)
    if group is not None:
        variables["GROUP"] = group.name
        variables["HOSTNAME"] = group.hostname.to_text()
    application = application_of(view, event)
    if application is not None:
        variables["APPLICATION"] = application.name
    return {f"FAILOVERDNS_{name}": value for name, value in variables.items()}


def application_of(view: View, event: Event) -> Application | None:
    """Return the application that an event is about; for a switch, the one switched to; or None."""
    if event.kind in _SECONDARY_EVENTS.values():
        return None
    if event.kind not in _GROUP_EVENTS:
        return view.application(event.id)
    group = _group(view, event)
    return application_on(view, group, Side(dict(event.details)["TO"])) if group else None


def applications_of(view: View, event: Event) -> frozenset[str]:
    """Return the names of all applications that an event concerns.

    An application that was renamed since the event has both names; those of a group's applications
    are the present ones.  An event about a secondary concerns none of them.
    """
    if event.kind in _SECONDARY_EVENTS.values():
        return frozenset()
    if event.kind not in _GROUP_EVENTS:
        application = view.application(event.id)
        now = application.name if application is not None else event.subject
        return frozenset((event.subject, now))
    group = _group(view, event)
    sides = (application_on(view, group, side) for side in Side) if group is not None else ()
    return frozenset(application.name for application in sides if application is not None)


def _group(view: View, event: Event) -> Group | None:
    return view.group(event.id) if event.kind in _GROUP_EVENTS else None
