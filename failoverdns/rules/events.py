"""Events: what of a change programs outside want to hear of, and in which words.

| event         | when                                                                |
|---------------|---------------------------------------------------------------------|
| `switch`      | a group's other side became active                                  |
| `certificate` | an application has another certificate: installed, issued, moved    |
| `role`        | an application became `online`, `offline` or `none`                 |

Events are taken from what history tells of a change, so that they can be told again after a
restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from failoverdns.model.application import Application
from failoverdns.model.change import Change
from failoverdns.rules.serving import application_on
from failoverdns.rules.timestamps import timestamp
from failoverdns.rules.view import View


class EventKind(Enum):
    """What an event is about."""

    CERTIFICATE = "certificate"
    SWITCH = "switch"
    ROLE = "role"
    BEFORE_SWITCH = "before_switch"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `subject` names the application, or, of a switch, the group.

    `details` are the rest, by the names of environment variables without their prefix.
    """

    kind: EventKind
    subject: str
    revision: int
    details: tuple[tuple[str, str], ...]

    def supersedes(self, other: Event) -> bool:
        """Tell whether `other`, which was before, need not be told any more."""
        lasting = (EventKind.CERTIFICATE, EventKind.ROLE)
        return self.kind in lasting and (self.kind, self.subject) == (other.kind, other.subject)


def events_of(change: Change) -> tuple[Event, ...]:
    """Return the events of a change, certificates before the switch that they go with."""
    found = []
    about: dict[str, str] = {"TIME": timestamp(change.time) or ""}
    reason = change.command.get("reason")
    if isinstance(reason, str):
        about["REASON"] = reason
    for part in change.changed:
        fields = cast(dict[str, Any], part.get("fields") or {})
        subject = str(part["name"])
        match part["kind"]:
            case "certificate" if part["done"] != "removed" and "fingerprint" in fields:
                details = {"FINGERPRINT": fields["fingerprint"][1]}
                kind = EventKind.CERTIFICATE
            case "group" if part["done"] == "changed" and "active" in fields:
                before, after = fields["active"]
                details = {"FROM": before, "TO": after}
                kind = EventKind.SWITCH
            case "role":
                before, after = fields["role"]
                details = {"FROM": before, "ROLE": after}
                kind = EventKind.ROLE
            case _:
                continue
        found.append(Event(kind, subject, change.revision, tuple({**about, **details}.items())))
    order = list(EventKind)
    return tuple(sorted(found, key=lambda event: order.index(event.kind)))


def before_switch(planned: dict[str, Any], revision: int, reason: str | None) -> Event:
    """Return the event of a switch of one group that is planned: its part of a dry run's reply."""
    details = {"FROM": planned["from"], "TO": planned["to"]}
    if reason is not None:
        details["REASON"] = reason
    return Event(EventKind.BEFORE_SWITCH, planned["name"], revision, tuple(details.items()))


def environment(view: View, event: Event) -> dict[str, str]:
    """Return an event as environment variables; the application and group as they are by now."""
    variables = {"EVENT": event.kind.value, "REVISION": str(event.revision), **dict(event.details)}
    if event.kind in (EventKind.SWITCH, EventKind.BEFORE_SWITCH):
        variables["GROUP"] = event.subject
        group = view.group_named(event.subject)
        if group is not None:
            variables["HOSTNAME"] = group.hostname.to_text()
    found = application_of(view, event)
    if found is not None:
        variables["APPLICATION"] = found.name
    return {f"FAILOVERDNS_{name}": value for name, value in variables.items()}


def application_of(view: View, event: Event) -> Application | None:
    """Return the application that an event is about; of a switch, the one switched to."""
    if event.kind not in (EventKind.SWITCH, EventKind.BEFORE_SWITCH):
        return view.application_named(event.subject)
    group = view.group_named(event.subject)
    if group is None:
        return None
    sides = {"primary": group.primary, "backup": group.backup}
    to = sides.get(dict(event.details)["TO"])
    return view.application(to) if to is not None else None


def applications_of(view: View, event: Event) -> frozenset[str]:
    """Return the names of all applications that an event concerns."""
    if event.kind not in (EventKind.SWITCH, EventKind.BEFORE_SWITCH):
        return frozenset((event.subject,))
    group = view.group_named(event.subject)
    if group is None:
        return frozenset()
    sides = (application_on(view, group, side) for side in (group.active, group.active.other))
    return frozenset(application.name for application in sides if application is not None)
