"""What the name of an application or group does to names: it retires some, and may hide others.

A name that a wildcard answers is hidden as soon as it exists, or a name below it does (RFC 4592
section 2.2): an application `www` makes `www` exist in each zone, because `_status.www` is below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from failoverdns.model.change import Write
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import APEX_LABEL, SIDE_LABELS
from failoverdns.model.names import DomainName
from failoverdns.model.zone import STATUS_LABEL, Zone
from failoverdns.rules.decisions.decision import Decision, warned
from failoverdns.rules.derived.retired import is_covered
from failoverdns.rules.derived.view import View


def named(view: View, decision: Decision, old: str | None, new: str) -> Decision:
    """Return a decision that gives an application a name, with all that follows from the name.

    `old` is None for an application that is added; `view` is the state before.
    """
    if old == new:
        return decision
    writes = (*decision.writes, *name_writes(view, old, new))
    return warned(replace(decision, writes=writes), hidden_by_application(view, new))


def name_writes(view: View, old: str | None, new: str | None) -> tuple[Write, ...]:
    """Return the writes that retire the name an application had, and bring back the one it gets.

    `old` is None for an application that is added, `new` for one that is removed.
    """
    retired = (Write(None, FormerName(old)),) if old is not None else ()
    taken = view.entity(FormerName, new) if new is not None else None
    return retired if taken is None else (*retired, Write(taken, None))


def hidden_by_application(view: View, name: str) -> Iterator[str]:
    """Yield a warning for each zone in which a new application hides a name from a wildcard.

    `view` is the state before.
    """
    for zone in view.zones:
        hidden = zone.origin.child(name)
        if zone.reveal.status and is_answered(view, zone, name) and not _has_below(zone, hidden):
            status = hidden.child(STATUS_LABEL)
            yield (
                f"{hidden} has no records any more: {_wildcard(zone.origin)} answered there, and "
                f"does not since {status} is below it (RFC 4592); give {hidden} records in the "
                f"configuration, or hide the status with zones.{zone.origin}.reveal"
            )


def hidden_by_group(view: View, zone: Zone, label: str) -> Iterator[str]:
    """Yield a warning for each name of a new group at which a wildcard answered until now.

    `view` is the state before.  A group at the apex has its sides directly below the origin.
    """
    labels = (label,) if label != APEX_LABEL else SIDE_LABELS if zone.reveal.sides else ()
    for name in labels:
        hidden = zone.origin.child(name)
        if not is_answered(view, zone, name) or _has_below(zone, hidden):
            continue
        yield (
            f"{_wildcard(zone.origin)} answered at {hidden}, and at names below it, and does not "
            "any more: the group answers there, and nothing else does below it"
        )


def is_answered(view: View, zone: Zone, label: str) -> bool:
    """Return whether the wildcard below the origin of a zone answers at a label.

    It does not where a group is or was, nor where an application of that name has or had a status.
    Names below it are not looked at, because there may be very many.
    """
    if not is_covered(zone, zone.origin.child(label)):
        return False
    if view.label_owner(zone.origin, label) is not None:
        return False
    has_status = view.application_named(label) or view.entity(FormerName, label)
    return not (zone.reveal.status and has_status)


def _has_below(zone: Zone, name: DomainName) -> bool:
    """Return whether a configured name is below `name`, so that no wildcard answers there."""
    names = (*zone.static.names(), *(owner.wire for owner in zone.own_names()))
    return any(wire.endswith(name.wire) and DomainName(wire).is_at_or_below(name) for wire in names)


def _wildcard(parent: DomainName) -> DomainName:
    return parent.child("*")
