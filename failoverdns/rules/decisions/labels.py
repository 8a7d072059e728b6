"""The labels of groups: which are free in a zone, also with a group at its apex."""

from __future__ import annotations

from random import Random

from failoverdns.model.errors import Rejected
from failoverdns.model.group import APEX_LABEL, SIDE_LABELS, Group, Tombstone, group_names
from failoverdns.model.names import DomainName
from failoverdns.model.zone import CHALLENGE_LABEL, STATUS_LABEL, Zone
from failoverdns.rules.derived.apex import apex_conflicts, labelled_apex
from failoverdns.rules.derived.stored import whose
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.zones import is_catalog

_ATTEMPTS = 1000
"""Random labels that are tried; if half of all labels are taken, 1 in 2**1000 commands fails."""


def check_label_free(view: View, zone: Zone, label: str) -> None:
    """Raise Rejected `exists` if a new group cannot have a label of a zone."""
    if label == APEX_LABEL:
        _check_apex_free(view, zone)
        return
    hostname = zone.origin.child(label).to_text()
    match view.label_owner(zone.origin, label):
        case Group(name=name):
            raise Rejected("exists", f"label {label!r} belongs to group {name!r}")
        case Tombstone(group=name):
            raise Rejected(
                "exists",
                f"label {label!r} is retired: it belonged to the removed group {name!r}, and "
                "CNAMEs of its customers may still point at it; choose another",
            )
    if label in (STATUS_LABEL, CHALLENGE_LABEL):
        raise Rejected("exists", f"label {label!r} belongs to the server: choose another")
    if any(is_catalog(view, name) for name in group_names(zone.origin.child(label))):
        raise Rejected(
            "exists",
            f"the catalog zone has the name of label {label!r}, so secondaries would not answer "
            "for the group: choose another label",
        )
    apex = labelled_apex(view, zone.origin)
    if apex is not None and label in SIDE_LABELS:
        raise Rejected(
            "exists",
            f"{hostname} belongs to group {apex.name!r}, which is at the apex of {zone.origin}: "
            "it answers for a side of that group; choose another label",
        )
    taken = _configured(zone, label)
    if taken:
        names = " and ".join(taken)
        answered = "" if hostname in taken else f", and a group {hostname} answers there"
        has = "has" if len(taken) == 1 else "have"
        where = whose(zone, DomainName.from_text(taken[0]))
        raise Rejected("exists", f"{names} {has} records {where}{answered}: choose another label")


def _check_apex_free(view: View, zone: Zone) -> None:
    """Raise Rejected `exists`, with everything that prevents a group at the apex of a zone."""
    faults = list(apex_conflicts(zone))
    origin, owner = zone.origin, labelled_apex(view, zone.origin)
    if owner is not None:
        faults.append(f"{origin} belongs to group {owner.name!r}")
    for label in SIDE_LABELS:
        hostname = origin.child(label)
        match view.label_owner(origin, label):
            case Group(name=name):
                faults.append(
                    f"a group at the apex answers for its sides at primary.{origin} and "
                    f"backup.{origin}, but {hostname} belongs to group {name!r}"
                )
            case Tombstone(group=name):
                faults.append(
                    f"a group at the apex answers for its sides at primary.{origin} and "
                    f"backup.{origin}, but {hostname} is retired: it belonged to the removed "
                    f"group {name!r}"
                )
        if zone.has_configured(hostname):
            faults.append(
                f"{hostname} has records {whose(zone, hostname)}, and a group at the apex answers "
                "for a side there: give these records another name"
            )
    if faults:
        raise Rejected("exists", "; ".join(faults))


def _configured(zone: Zone, label: str) -> list[str]:
    """Return the names of a group with this label that have records in the configuration."""
    names = group_names(zone.origin.child(label))
    return [name.to_text() for name in names if zone.has_configured(name)]


def random_label(view: View, zone: Zone, random: Random) -> str:
    """Return a free label of nine random digits; raises Rejected `unavailable`."""
    for _ in range(_ATTEMPTS):
        digits = f"{random.randrange(10**9):09d}"
        label = f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
        taken = view.label_owner(zone.origin, label) is not None or _configured(zone, label)
        if not taken:
            return label
    raise Rejected("unavailable", "found no free label: give one with --label")
