"""Give what was collected its final names: groups get labels, zones what they can have beside them.

A group whose name is not a label below its zone gets a free one, and its name becomes a CNAME.
Nothing that was collected is changed, so that this can be done again without a group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from failoverdns.importing.grace import with_grace
from failoverdns.importing.naming import flat_label, unused
from failoverdns.importing.plan import (
    APEX_LABEL,
    Plan,
    PlannedApplication,
    PlannedGroup,
    PlannedZone,
    Remark,
    Settings,
)
from failoverdns.importing.zone_contents import Contents, Found, ZoneDraft, record_of
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName, plain_label
from failoverdns.model.policy import Policy
from failoverdns.model.records import CNAME
from failoverdns.model.zone import CHALLENGE_LABEL, STATUS_LABEL

DEFAULT_LISTEN: Final = ("0.0.0.0:53", "[::]:53")

_MAX_GROUP_NAME: Final = 128
_RESERVED: Final = frozenset((STATUS_LABEL, CHALLENGE_LABEL, "primary", "backup"))
"""Labels that no imported group gets: the server's own, and those of the sides of an apex group."""

_NUMBER: Final = re.compile("([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class WantedGroup:
    """A group before it has a label; its applications are names, `ttl` is in seconds."""

    place: str
    zone: ZoneDraft
    owner: DomainName
    ttl: int
    primary: str
    backup: str | None
    policy: str | None
    flatten: bool


@dataclass(slots=True)
class Collected:
    """What an importer collects; `maker` is its name, `source` that of its source.

    `groups` are by the name that they answer for; all else with names, by these.
    """

    maker: str
    source: str
    listen: tuple[str, ...] = DEFAULT_LISTEN
    needs_resolvers: bool = False
    not_taken: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    policies: dict[str, Settings] = field(default_factory=dict)
    zones: dict[DomainName, ZoneDraft] = field(default_factory=dict)
    checks: dict[str, Settings] = field(default_factory=dict)
    applications: dict[str, PlannedApplication] = field(default_factory=dict)
    groups: dict[DomainName, WantedGroup] = field(default_factory=dict)


def settled(collected: Collected) -> Plan:
    """Return the plan for what was collected; unused applications and checks are left out."""
    return _Settling(collected).plan()


def group_name(zone: ZoneDraft, owner: DomainName, *, one_zone: bool) -> str:
    """Return the name of the group that answers for `owner`, in the only zone or in one of many."""
    if owner == zone.origin:
        return owner.to_text()
    flat = flat_label(owner, zone.origin)
    return flat if one_zone else f"{flat}.{zone.origin}"


class _Settling:
    def __init__(self, collected: Collected) -> None:
        self._collected = collected
        self._not_taken = list(collected.not_taken)
        self._notes = list(collected.notes)
        self._detours: dict[DomainName, list[Found]] = {}
        """The CNAME records that lead to groups, by the origin of their zone."""

    def plan(self) -> Plan:
        collected = self._collected
        groups = self._groups()
        zones = tuple(self._zone(zone, groups) for zone in collected.zones.values())
        used = {name for group in groups for name in (group.primary, group.backup)}
        applications = tuple(a for a in collected.applications.values() if a.name in used)
        checked = {check for application in applications for check in application.checks}
        checks = {name: check for name, check in collected.checks.items() if name in checked}
        self._note_delays(groups)
        return Plan(
            maker=collected.maker,
            source=collected.source,
            zones=zones,
            checks=checks,
            policies=with_grace(collected.policies, checks) if groups else {},
            applications=applications,
            groups=groups,
            listen=collected.listen,
            needs_resolvers=collected.needs_resolvers,
            not_taken=tuple(sorted(self._not_taken, key=_reading_order)),
            notes=tuple(sorted(self._notes, key=_reading_order)),
        )

    def _note_delays(self, groups: Iterable[PlannedGroup]) -> None:
        """List the automatic policies in use, because other servers have no such delays."""
        used = dict.fromkeys(group.policy for group in groups if group.policy is not None)
        policies = self._collected.policies
        names = [name for name in used if policies.get(name, {}).get("mode") == "automatic"]
        if names:
            default = Policy("")
            subject = f"the {'policy' if len(names) == 1 else 'policies'} {', '.join(names)}"
            text = (
                "groups switch only after `grace`, return to a primary only after it has been up "
                f"for `hold` ({default.hold:.0f} s), wait `cooldown` ({default.cooldown:.0f} s) "
                f"between two switches, and switch at most {default.max_switches} times in "
                f"{default.window:.0f} s"
            )
            advice = "Change these keys in `policies` if that is not what you want"
            self._notes.append(Remark(self._collected.source, subject, text, advice))

    def _groups(self) -> tuple[PlannedGroup, ...]:
        wishes = {owner: _own_label(w) for owner, w in self._collected.groups.items()}
        labels = {owner: label for owner, label in wishes.items() if label is not None}
        taken = {zone.origin: zone.labels() | _RESERVED for zone in self._collected.zones.values()}
        for owner, label in labels.items():
            taken[self._collected.groups[owner].zone.origin].add(label)
        names: set[str] = set()
        groups = []
        for owner, wanted in self._collected.groups.items():
            zone = wanted.zone
            label = labels.get(owner) or self._detour(wanted, taken[zone.origin])
            wish = group_name(zone, owner, one_zone=len(self._collected.zones) == 1)
            name = unused(wish, names, _MAX_GROUP_NAME)
            names.add(name)
            groups.append(
                PlannedGroup(
                    name,
                    zone.origin,
                    label,
                    wanted.ttl,
                    wanted.primary,
                    wanted.backup,
                    wanted.policy,
                    wanted.flatten,
                )
            )
        return tuple(groups)

    def _detour(self, wanted: WantedGroup, taken: set[str]) -> str:
        """Give a group a free label, and its name a CNAME that leads there; return the label."""
        zone, owner = wanted.zone, wanted.owner
        label = unused(flat_label(owner, zone.origin), taken)
        taken.add(label)
        hostname = zone.origin.child(label)
        record = record_of(owner, CNAME, wanted.ttl, hostname.wire)
        self._detours.setdefault(zone.origin, []).append(Found(wanted.place, record))
        text = f"a group has one label below its zone, so this name is a CNAME to {hostname}"
        self._notes.append(Remark(wanted.place, owner.to_text(), text))
        return label

    def _zone(self, draft: ZoneDraft, groups: tuple[PlannedGroup, ...]) -> PlannedZone:
        own = tuple(group for group in groups if group.zone == draft.origin)
        detours = self._detours.get(draft.origin, [])
        contents = Contents(draft, detours, self._not_taken, self._notes)
        zone = contents.settled(own)
        if zone.alias is None or any(group.label == APEX_LABEL for group in own):
            return replace(zone, alias=None)
        by_owner = dict(zip(self._collected.groups, groups, strict=True))
        if (followed := by_owner.get(zone.alias)) is not None:
            return replace(zone, alias=followed.hostname)
        if zone.alias.is_at_or_below(zone.origin):
            reason = f"its alias leads to {zone.alias}, which was not taken"
            self._not_taken.append(Remark(draft.alias_place, str(zone.origin), reason))
            return replace(zone, alias=None)
        return zone


def _reading_order(remark: Remark) -> list[tuple[int, str]]:
    """Return a key that sorts remarks by file and line."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(remark.place)
    ]


def _own_label(wanted: WantedGroup) -> str | None:
    """Return the label of a group that needs no detour, or None."""
    origin, owner = wanted.zone.origin, wanted.owner
    if owner == origin:
        return APEX_LABEL
    label = next(owner.labels()).decode("latin-1")
    if owner.parent() != origin or label in _RESERVED:
        return None
    try:
        return plain_label(label, "label")
    except Malformed:
        return None
