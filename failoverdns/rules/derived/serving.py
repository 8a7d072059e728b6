"""The records that every name answers with.

| name                             | answers                                                   |
|----------------------------------|-----------------------------------------------------------|
| `<label>`                        | the target of the active side, see `active_side`         |
| `primary.<label>`                | the target of the primary, whichever is active            |
| `backup.<label>`                 | the target of the backup, whichever is active             |
| `_status.<application>`          | TXT `online`, `offline` or `none`, in every zone          |
| `_acme-challenge.<name>`         | the values that a CA expects there, see `challenges`      |
| the origin of a zone             | the configured records, and the addresses of the zone's   |
|                                  | group or alias, see `apex`                                |
| all else                         | the configured records                                    |

A target that is a hostname is answered as CNAME, or, in a flattened group, as the addresses that it
resolves to (`rules.derived.resolving`).
A side without a target answers NODATA, never NXDOMAIN: its names stay reserved, and have a marker
(`rules.derived.retired`).  A zone may hide the sides of groups, or the status of applications, with
its setting `reveal`: then these names are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

from failoverdns.model.application import (
    Application,
    ApplicationRole,
    Target,
)
from failoverdns.model.change import Node
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Group, Side, Tombstone, group_names
from failoverdns.model.names import DomainName
from failoverdns.model.records import TXT, RRset, Text
from failoverdns.model.zone import STATUS_LABEL, Zone
from failoverdns.rules.derived.active_side import answered
from failoverdns.rules.derived.apex import apex_group
from failoverdns.rules.derived.challenges import challenge_nodes
from failoverdns.rules.derived.resolving import UNBOUNDED, Flattened, flattened
from failoverdns.rules.derived.retired import marker, retired_nodes, retired_statuses
from failoverdns.rules.derived.targets import (
    addresses_only,
    apex_rrsets,
    flattened_records,
    target_of_application,
)
from failoverdns.rules.derived.view import View

PART = 100
"""Applications or groups in one part of `in_parts`: about a millisecond of work."""

_MAX_REMEMBERED = 65536
"""Sets of records that `records_of` remembers: 32 MiB at most."""

RecordsOf = Callable[[str | None, int, bool, bool], tuple[RRset, ...]]
"""A function that returns the records for an application.

Its arguments are the application (by id), the TTL in seconds, whether to flatten a hostname, and
whether to leave out heads that are down."""

T = TypeVar("T")


def application_role(view: View, application: Application) -> ApplicationRole:
    """Return the role of an application: active in a group, only attached, or in none."""
    attached, active = view.attachments(application.id)
    if active:
        return ApplicationRole.ONLINE
    return ApplicationRole.OFFLINE if attached else ApplicationRole.NONE


def served_groups(
    view: View, ids: Iterable[str], answer: Callable[[Group, Zone, int, str | None, bool], T]
) -> Iterator[tuple[Group, Zone, T, T, T]]:
    """Yield each group, its zone, and the answers of its hostname, primary and backup.

    Both a change and a whole table are computed from this.  `answer` makes an answer in the form
    that the caller needs, values or bytes.  Its arguments are the group, its zone, the TTL, the
    application (by id; None for NODATA) and whether to leave out heads that are down.
    `ids` are those of groups; groups that do not exist any more are left out.
    """
    origin, zone = None, None
    for id_ in ids:
        group = view.group(id_)
        if group is None:
            continue
        if group.zone is not origin:
            origin, zone = group.zone, view.zone(group.zone)
        if zone is None:
            continue
        ttl = group.served_ttl
        primary = answer(group, zone, ttl, group.primary, False)
        backup = answer(group, zone, ttl, group.backup, False)
        side, healthy = answered(view, group)
        if side is None:
            active = answer(group, zone, ttl, None, False)
        elif healthy:
            active = answer(group, zone, ttl, group.application(side), True)
        else:
            active = primary if side is Side.PRIMARY else backup
        yield group, zone, active, primary, backup


def negative_ttl_of(group: Group, zone: Zone) -> int:
    """Return the negative TTL of a group's names: the zone's, but at most the group's TTL."""
    return min(zone.negative_ttl, group.served_ttl)


def group_nodes(view: View, ids: Iterable[str], records: RecordsOf) -> list[Node]:
    """Return the three nodes of each group (by id): its hostname and one for each side.

    The hostname of a group at the apex is left out, because its node is that of the zone's origin
    (`configured_node`).
    """

    def answer(
        group: Group, _: Zone, ttl: int, id_: str | None, healthy: bool
    ) -> tuple[RRset, ...]:
        return group_records(group, records, ttl, id_, healthy=healthy)

    nodes: list[Node] = []
    for group, zone, active, primary, backup in served_groups(view, ids, answer):
        hostname, primary_name, backup_name = group_names(group.hostname)
        negative_ttl = negative_ttl_of(group, zone)
        if not group.is_apex:
            nodes.append(Node(hostname, zone.origin, active, negative_ttl))
        if zone.reveal.sides:
            nodes += (
                Node(primary_name, zone.origin, primary, negative_ttl),
                Node(backup_name, zone.origin, backup, negative_ttl),
            )
    return nodes


def group_records(
    group: Group, records: RecordsOf, ttl: int, id_: str | None, *, healthy: bool
) -> tuple[RRset, ...]:
    """Return the records of a group's name that leads to an application (by id)."""
    found = records(id_, ttl, group.flatten, healthy)
    return (addresses_only(found) or marker(ttl)) if group.is_apex else found


def records_of(view: View) -> RecordsOf:
    """Return a function that makes the records for applications, and remembers them.

    Very many groups may follow one application; while that does not change, the function returns
    the same object again.  The state may change between calls.
    """
    kept: dict[tuple[str | None, int, bool, bool], _Made] = {}

    def records(id_: str | None, ttl: int, flatten: bool, healthy: bool) -> tuple[RRset, ...]:
        application = view.application(id_) if id_ is not None else None
        if application is None:
            return marker(ttl)
        made = kept.get((id_, ttl, flatten, healthy))
        if made is not None and made.application is not application:
            made = None
        if made is not None and not flatten:
            return made.records
        head = (
            made.head if made is not None else target_of_application(application, healthy=healthy)
        )
        found = flattened(view, head) if flatten else Flattened(head, UNBOUNDED, UNBOUNDED)
        if made is not None and made.found == found:
            return made.records
        if len(kept) >= _MAX_REMEMBERED:
            kept.clear()
        rrsets = flattened_records(found, ttl) or marker(ttl)
        kept[id_, ttl, flatten, healthy] = _Made(application, head, found, rrsets)
        return rrsets

    return records


class _Made(NamedTuple):
    """Remembered records, and the values that they were made from.

    `head` is the target of `application`, and `found` is that flattened.
    """

    application: Application
    head: Target
    found: Flattened
    records: tuple[RRset, ...]


def status_nodes(
    view: View, ids: Iterable[str], origins: Iterable[DomainName] | None = None
) -> Iterator[Node]:
    """Yield the nodes `_status.<application>` of each application (by id).

    They are in each zone, or only in those with these `origins`.
    """
    found = view.zones if origins is None else map(view.zone, origins)
    zones = [
        (zone, {role: (_role_records(role, zone.ttl),) for role in ApplicationRole})
        for zone in found
        if zone is not None and zone.reveal.status
    ]
    if not zones:
        return
    for id_ in ids:
        application = view.application(id_)
        if application is None:
            continue
        role = application_role(view, application)
        for zone, records in zones:
            owner = zone.origin.child(application.name).child(STATUS_LABEL)
            yield Node(owner, zone.origin, records[role], zone.negative_ttl)


def _role_records(role: ApplicationRole, ttl: int) -> RRset:
    return RRset(TXT, ttl, (Text((role.value.encode(),)),))


def zone_nodes(view: View, zone: Zone) -> Iterator[Node]:
    """Yield the nodes of a zone that the configuration has records for."""
    yield from own_nodes(view, zone)
    yield from static_nodes(zone, static_owners(zone, zone.static.names()))


def own_nodes(view: View, zone: Zone) -> list[Node]:
    """Return the nodes of a zone's origin and of the name servers in it, the origin first."""
    names = zone.own_names()
    return [
        configured_node(view, zone, owner)
        for owner in (zone.origin, *sorted(names - {zone.origin}, key=lambda name: name.wire))
    ]


def static_owners(zone: Zone, owners: Iterable[bytes]) -> list[bytes]:
    """Return those names (in wire form) that have static or stored records and nothing else."""
    own = {owner.wire for owner in zone.own_names()}
    has = zone.static.has_wire
    return [owner for owner in owners if owner not in own and has(owner)]


def static_nodes(zone: Zone, owners: Iterable[bytes]) -> Iterator[Node]:
    """Yield the nodes of names with static records, without those that have none any more."""
    static = zone.static
    for wire in owners:
        if static.has_wire(wire):
            owner = DomainName(wire)
            yield Node(owner, zone.origin, static.at(owner), zone.negative_ttl)


def configured_node(view: View, zone: Zone, owner: DomainName) -> Node:
    """Return the node at a name with configured records; the origin has those of its group too."""
    rrsets = zone.configured_at(owner)
    if owner != zone.origin:
        return Node(owner, zone.origin, rrsets, zone.negative_ttl)
    group = apex_group(view, zone)
    negative_ttl = zone.negative_ttl if group is None else negative_ttl_of(group, zone)
    return Node(owner, zone.origin, rrsets + apex_rrsets(view, zone), negative_ttl)


def all_nodes(view: View) -> Iterator[Node]:
    """Yield every node that is served: first zone by zone, then by application, then by group."""
    return chain.from_iterable(nodes_in_parts(view))


def nodes_in_parts(view: View, size: int = PART) -> Iterator[list[Node]]:
    """Yield every node that is served in parts, as `in_parts` does."""
    return in_parts(view, size, group_nodes, lambda zone, owners: [*static_nodes(zone, owners)])


def in_parts(
    view: View,
    size: int,
    groups: Callable[[View, Sequence[str], RecordsOf], T],
    static: Callable[[Zone, Sequence[bytes]], T],
) -> Iterator[list[Node] | T]:
    """Yield everything that is served, in parts, between which the state may change.

    A part is the own names of a zone, `size` names with static records (in the form that `static`
    returns), `size` applications, `size` groups (in the form that `groups` returns), `size` retired
    names, or all challenges, with the answers at the moment when the part is taken.
    All that exists at the first part is in some part, unless it is removed meanwhile; what is
    created later may be missing.
    A table that applies each part, and between them the delta (`difference`) of each change, in the
    order in which they happen, ends up equal to one filled from `all_nodes` at the end, because a
    change of a name after its part comes later than the part.  A delta may remove a name that is
    not in the table yet.
    """
    applications = [application.id for application in view.applications()]
    ids = [group.id for group in view.groups()]
    records = records_of(view)
    for origin in [zone.origin for zone in view.zones]:
        zone = view.zone(origin)
        if zone is None:
            continue
        yield own_nodes(view, zone)
        owners = list(zone.static.names())
        for at in range(0, len(owners), size):
            zone = view.zone(origin)  # as it is now
            if zone is not None:
                yield static(zone, static_owners(zone, owners[at : at + size]))
    for at in range(0, len(applications), size):
        yield list(status_nodes(view, applications[at : at + size]))
    for at in range(0, len(ids), size):
        yield groups(view, ids[at : at + size], records)
    # Not before the groups: the marker of an empty group that is removed meanwhile stays as it is,
    # so no delta has it.
    tombstones, former = list(view.entities(Tombstone)), list(view.entities(FormerName))
    for at in range(0, len(tombstones), size):
        yield list(retired_nodes(view, tombstones[at : at + size]))
    for at in range(0, len(former), size):
        yield list(retired_statuses(view, former[at : at + size]))
    yield challenge_nodes(view)
