"""Collect what an importer finds, and make a plan of it that this server accepts.

Applications with the same heads and checks are one application, and so are checks with the same
settings, so that a switch away from a data centre is one command here too.  The names of groups,
labels and zones are settled at the end, when everything is known: `finish`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from failoverdns.config.scalars import host_name
from failoverdns.importing.grace import with_grace
from failoverdns.importing.naming import flat_label, label_of, unused
from failoverdns.importing.plan import (
    APEX_LABEL,
    Plan,
    PlannedApplication,
    PlannedGroup,
    PlannedHead,
    PlannedZone,
    Remark,
    Settings,
)
from failoverdns.importing.zone_contents import Contents, ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.group import MAX_TTL
from failoverdns.model.names import DomainName, plain_label
from failoverdns.model.records import CNAME
from failoverdns.model.zone import CHALLENGE_LABEL, MAX_ORIGIN, STATUS_LABEL

DEFAULT_LISTEN: Final = ("0.0.0.0:53", "[::]:53")

_NUMBER: Final = re.compile("([0-9]{1,9})")
_SHOWN: Final = 3
"""Reasons that are shown if nothing was taken."""

_MAX_CHECK_NAME: Final = 64
_MAX_GROUP_NAME: Final = 128
_RESERVED: Final = frozenset((STATUS_LABEL, CHALLENGE_LABEL, "primary", "backup"))
"""Labels that no imported group gets: the server's own, and those of the sides of an apex group."""


@dataclass(frozen=True, slots=True)
class _WantedGroup:
    """A group before it has a label; its applications are names."""

    place: str
    zone: ZoneDraft
    owner: DomainName
    ttl: int
    primary: str
    backup: str | None
    policy: str | None
    flatten: bool


@dataclass(slots=True)
class PlanBuilder:
    """What was found so far; `maker` is the name of the importer, `source` that of its source."""

    maker: str
    source: str
    listen: tuple[str, ...] = DEFAULT_LISTEN
    needs_resolvers: bool = False
    not_taken: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    policies: dict[str, Settings] = field(default_factory=dict)
    zones: dict[DomainName, ZoneDraft] = field(default_factory=dict)
    _remarks: set[Remark] = field(default_factory=set)
    _checks: dict[str, Settings] = field(default_factory=dict)
    _applications: dict[str, PlannedApplication] = field(default_factory=dict)
    _names: dict[object, str] = field(default_factory=dict)
    """The name of each application, by what it consists of."""
    _groups: dict[DomainName, _WantedGroup] = field(default_factory=dict)
    _above: set[DomainName] = field(default_factory=set)
    """The names above the zones."""

    def refuse(self, place: str, subject: str, reason: str, advice: str = "") -> None:
        """List something that was not taken, once."""
        remark = Remark(place, subject, reason, advice)
        if remark not in self._remarks:
            self._remarks.add(remark)
            self.not_taken.append(remark)

    def note(self, place: str, subject: str, difference: str, advice: str = "") -> None:
        """List something that was taken and is different here, once."""
        remark = Remark(place, subject, difference, advice)
        if remark not in self._remarks:
            self._remarks.add(remark)
            self.notes.append(remark)

    def zone(self, origin: DomainName) -> ZoneDraft:
        """Begin a zone; raises Malformed for an origin that no zone here can have."""
        host_name(origin.to_text())
        if len(origin.wire) > MAX_ORIGIN:
            raise Malformed(
                f"the name {origin} is too long: at most {MAX_ORIGIN} bytes are possible"
            )
        if origin in self.zones:
            raise Malformed(f"the zone {origin} is given twice")
        above = list(_names_above(origin))
        outer = next((name for name in above if name in self.zones), None)
        if outer is not None or origin in self._above:
            raise Malformed(
                f"{origin} is inside the zone {outer}, or has a zone inside it; zones inside each "
                "other are not supported"
            )
        self._above.update(above)
        self.zones[origin] = draft = ZoneDraft(origin)
        return draft

    def check(self, wanted: str, settings: Mapping[str, object]) -> str:
        """Return the name of a check with these settings, `wanted` if it is new and free."""
        for name, present in self._checks.items():
            if present == settings:
                return name
        name = unused(wanted, self._checks, _MAX_CHECK_NAME)
        self._checks[name] = dict(settings)  # type: ignore[arg-type]
        return name

    def application(
        self,
        wanted: str,
        heads: tuple[PlannedHead, ...],
        checks: tuple[str, ...] = (),
        require_heads: int | None = None,
    ) -> str:
        """Return the name of an application with these heads and checks, `wanted` if it is new."""
        key = (heads, checks, require_heads)
        if key not in self._names:
            name = unused(label_of(wanted), self._applications)
            self._applications[name] = PlannedApplication(name, heads, checks, require_heads)
            self._names[key] = name
        return self._names[key]

    def checks_of(self, application: str) -> tuple[str, ...]:
        """Return the names of an application's checks."""
        return self._applications[application].checks

    def group(
        self,
        place: str,
        zone: ZoneDraft,
        owner: DomainName,
        ttl: int,
        primary: str,
        backup: str | None = None,
        policy: str | None = None,
        *,
        flatten: bool = False,
    ) -> None:
        """Add a group that answers for `owner` with the applications of these names.

        `ttl` (seconds) is lowered to what a group can have.
        """
        if ttl > MAX_TTL:
            self.note(place, owner.to_text(), f"its TTL is {MAX_TTL}, the largest, not {ttl}")
            ttl = MAX_TTL
        if backup == primary:
            self.note(place, owner.to_text(), "both sides are the same, so the group has one side")
            backup = policy = None
        flatten = flatten and owner != zone.origin
        self._groups[owner] = _WantedGroup(
            place, zone, owner, ttl, primary, backup, policy, flatten
        )

    def has_group(self, owner: DomainName) -> bool:
        """Return whether a group answers for a name."""
        return owner in self._groups

    def group_name(self, zone: ZoneDraft, owner: DomainName) -> str:
        """Return the name of the group for `owner`, unless another group has it."""
        if owner == zone.origin:
            return owner.to_text()
        flat = flat_label(owner, zone.origin)
        return flat if len(self.zones) == 1 else f"{flat}.{zone.origin}"

    def finish(self) -> Plan:
        """Return the plan: groups have labels, and zones only the records that they can have.

        Raises Malformed if no zone was taken.
        """
        if not self.zones:
            reasons = (f"{r.place}: {r.subject}: {r.reason}" for r in self.not_taken[:_SHOWN])
            raise Malformed("\n".join(reasons) or f"{self.source}: has no zone")
        groups = self._settled_groups()
        zones = tuple(self._settled_zone(zone, groups) for zone in self.zones.values())
        used = {name for group in groups for name in (group.primary, group.backup)}
        applications = tuple(a for a in self._applications.values() if a.name in used)
        checked = {check for application in applications for check in application.checks}
        checks = {name: check for name, check in self._checks.items() if name in checked}
        return Plan(
            maker=self.maker,
            source=self.source,
            zones=zones,
            checks=checks,
            policies=with_grace(self.policies, checks) if groups else {},
            applications=applications,
            groups=groups,
            listen=self.listen,
            needs_resolvers=self.needs_resolvers,
            not_taken=tuple(sorted(self.not_taken, key=_reading_order)),
            notes=tuple(sorted(self.notes, key=_reading_order)),
        )

    def _settled_groups(self) -> tuple[PlannedGroup, ...]:
        labels = {o: label for o, wanted in self._groups.items() if (label := _own_label(wanted))}
        taken = {zone.origin: zone.labels() | _RESERVED for zone in self.zones.values()}
        for owner, label in labels.items():
            taken[self._groups[owner].zone.origin].add(label)
        names: set[str] = set()
        groups = []
        for owner, wanted in self._groups.items():
            zone = wanted.zone
            label = labels.get(owner)
            if label is None:
                label = self._detour(wanted, taken[zone.origin])
            name = unused(self.group_name(zone, owner), names, _MAX_GROUP_NAME)
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

    def _detour(self, wanted: _WantedGroup, taken: set[str]) -> str:
        """Give a group whose name is no label a free one, and its name a CNAME that leads there."""
        zone, owner = wanted.zone, wanted.owner
        label = unused(flat_label(owner, zone.origin), taken)
        taken.add(label)
        hostname = zone.origin.child(label)
        zone.add_data(wanted.place, owner, CNAME, wanted.ttl, hostname.wire)
        self.note(
            wanted.place,
            owner.to_text(),
            f"a group has one label below its zone, so this name is a CNAME to {hostname}",
        )
        return label

    def _settled_zone(self, draft: ZoneDraft, groups: tuple[PlannedGroup, ...]) -> PlannedZone:
        own = tuple(group for group in groups if group.zone == draft.origin)
        contents = Contents(draft, self.not_taken, self.notes)
        names = {owner for owner, wanted in self._groups.items() if wanted.zone is draft}
        zone = contents.settled(own, names)
        if zone.alias is None or any(group.label == APEX_LABEL for group in own):
            return replace(zone, alias=None)
        by_owner = dict(zip(self._groups, groups, strict=True))
        followed = by_owner.get(zone.alias)
        return zone if followed is None else replace(zone, alias=followed.hostname)


def _reading_order(remark: Remark) -> list[tuple[int, str]]:
    """Return a key that sorts remarks by file and line."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(remark.place)
    ]


def _names_above(name: DomainName) -> Iterator[DomainName]:
    while not (name := name.parent()).is_root:
        yield name


def _own_label(wanted: _WantedGroup) -> str | None:
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
