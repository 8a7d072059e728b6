"""Where a hostname leads through the zones of this server, over whatever detour.

    lb.example.test -> static CNAME, wildcard, alias -> a group -> its application -> ...

A group answers with the target of its active side; that target may be a name in a zone here, also
of another group.  If the way comes back to a name of the group itself, a resolver that asks for the
group gets nothing.  Names elsewhere are not followed: nothing is known of them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from failoverdns.model.application import Application
from failoverdns.model.group import Group, Side, group_names
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, A
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.active_side import answered
from failoverdns.rules.derived.apex import answering_group, group_for, is_answered_here
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.static_names import MAX_TRAIL, exists, leads_to, matching_wildcard
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import pointed_at, web_heads


class End(Enum):
    """What the last name of a trail is."""

    ELSEWHERE = "a name elsewhere"
    ADDRESSES = "addresses"
    EMPTY = "a name without addresses"
    MISSING = "a name that does not exist"
    LOOP = "a name that was there before"


@dataclass(frozen=True, slots=True)
class Trail:
    """The names that a hostname leads to, itself first, and the groups whose names are among them.

    A name below the hostname of a group counts as one of its names.
    """

    names: tuple[DomainName, ...]
    groups: tuple[Group, ...]
    end: End

    @property
    def text(self) -> str:
        """The names in order."""
        return " -> ".join(map(str, self.names))

    @property
    def detour(self) -> str:
        """A colon and the names in order, nothing if there is only one."""
        return f": {self.text}" if len(set(self.names)) > 1 else ""

    def meets(self, group: Group) -> bool:
        """Return whether the trail leads to a name of a group, or below; it may be a new group."""
        own = group_names(group.hostname)
        return any(
            name in own or (not group.is_apex and name.is_at_or_below(group.hostname))
            for name in self.names
        )


def trail_of(
    view: View,
    start: DomainName,
    applications: Mapping[str, Application] | None = None,
    sides: Mapping[str, Side] | None = None,
) -> Trail:
    """Follow a hostname.

    `applications` (by id) stand for those of the state, and `sides` for the active sides of groups
    (by id), to find out where it would lead after a change.
    """
    changed, switched = applications or {}, sides or {}
    names: list[DomainName] = []
    groups: list[Group] = []

    def trail(end: End, *more: DomainName) -> Trail:
        return Trail((*names, *more), tuple(groups), end)

    name: DomainName | None = start
    while name is not None:
        if name in names or len(names) == MAX_TRAIL:
            return trail(End.LOOP, name)
        names.append(name)
        zone = zone_of(view, name)
        if zone is None or not is_answered_here(view, name):
            return trail(End.ELSEWHERE)
        found = _group_side(view, name, switched)
        if found is None:
            if (above := group_for(view, name)) is not None and not above.is_apex:
                groups.append(above)
            name = leads_to(view, name)
            if name is None:
                return trail(_end_at(view, zone, names[-1]))
            continue
        group, side = found
        groups.append(group)
        id_ = group.application(side) if side is not None else None
        application = changed.get(id_ or "") or (view.application(id_) if id_ else None)
        if application is None or not web_heads(application):
            return trail(End.EMPTY)
        name = pointed_at(application)
    return trail(End.ADDRESSES)


def application_loop(view: View, application: Application, hostname: DomainName) -> str | None:
    """Return in words that a hostname of an application leads back to a group that follows it.

    `application` is the application after a change.  None if the hostname leads elsewhere.
    """
    if zone_of(view, hostname) is None:
        return None
    trail = trail_of(view, hostname, {application.id: application})
    for group in trail.groups:
        if application.id in group.applications:
            follows = f"which follows application {application.name!r}"
            back = f"hostname {hostname} leads back to group {group.name!r}, {follows}"
            return f"{back}{trail.detour}"
    return _loop(hostname, trail)


def group_loop(
    view: View, group: Group, side: Side, sides: Mapping[str, Side] | None = None
) -> str | None:
    """Return in words that the target of a side of a group leads back to the group itself.

    `group` may be new or changed; `sides` are as in `trail_of`.  None if it leads elsewhere.
    """
    id_ = group.application(side)
    application = view.application(id_) if id_ is not None else None
    hostname = pointed_at(application) if application is not None else None
    if application is None or hostname is None or zone_of(view, hostname) is None:
        return None
    trail = trail_of(view, hostname, sides=sides)
    if trail.meets(group):
        of = f"of application {application.name!r}"
        return f"hostname {hostname} {of} leads back to group {group.name!r}{trail.detour}"
    return _loop(hostname, trail)


def _loop(hostname: DomainName, trail: Trail) -> str | None:
    if trail.end is not End.LOOP:
        return None
    return f"hostname {hostname} leads in a loop, or too far: {trail.text}"


def dead_end(view: View, application: Application) -> str | None:
    """Return in words that the target of an application is a name here without addresses."""
    hostname = pointed_at(application)
    if hostname is None or zone_of(view, hostname) is None:
        return None
    trail = trail_of(view, hostname)
    last = trail.names[-1]
    by = f" (by {trail.text})" if len(trail.names) > 1 else ""
    match trail.end:
        case End.MISSING:
            problem = f"there is no name {last} in the zones of this server"
        case End.EMPTY:
            problem = f"{last} has no addresses"
        case _:
            return None
    return f"{hostname}, the target of {application.name}, leads to nothing{by}: {problem}"


def _group_side(
    view: View, name: DomainName, switched: Mapping[str, Side]
) -> tuple[Group, Side | None] | None:
    """Return the group that a name belongs to, and the side that it answers with, or None."""
    group = answering_group(view, name)
    if group is not None:
        return group, switched.get(group.id) or answered(view, group)[0]
    for side in Side:
        if not name.is_root and next(name.labels()) == side.value.encode():
            group = answering_group(view, name.parent())
            zone = view.zone(group.zone) if group is not None else None
            if group is not None and zone is not None and zone.reveal.sides:
                return group, side
    return None


def _end_at(view: View, zone: Zone, name: DomainName) -> End:
    """Return what a name is that leads nowhere."""
    owner = name if zone.has_configured(name) else matching_wildcard(view, zone, name)
    if owner is not None:
        has_any = any(rrset.rtype in (A, AAAA) for rrset in zone.configured_at(owner))
        return End.ADDRESSES if has_any else End.EMPTY
    return End.EMPTY if exists(view, zone, name) else End.MISSING
