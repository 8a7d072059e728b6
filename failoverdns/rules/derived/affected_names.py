"""The names that a change affects, and the difference that it makes to the served records.

    touched (before the change) -> nodes_of (before and after) -> difference

So the cost of a change depends on the names that it may affect, not on the number of names served.
What a name answers is computed in `rules.derived.serving`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeVar

from failoverdns.model.application import Application, Target
from failoverdns.model.certificate import Order
from failoverdns.model.change import Delta, Node, StaticDifference, Write
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.health import Health
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.affected_by_records import led_elsewhere, retired_by
from failoverdns.rules.derived.apex import apexes_of, configured_target
from failoverdns.rules.derived.challenges import challenge_nodes, owners_of
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.health import application_condition
from failoverdns.rules.derived.resolving import flattened_hostnames
from failoverdns.rules.derived.retired import retired_between, retired_nodes, retired_statuses
from failoverdns.rules.derived.serving import (
    configured_node,
    group_nodes,
    records_of,
    status_nodes,
    zone_nodes,
)
from failoverdns.rules.derived.stored import (
    changed_names,
    differing,
    zone_after,
    zones_with,
)
from failoverdns.rules.derived.targets import target_of_application
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import web_head

E = TypeVar("E", bound=Entity)

NONE: Final[Set[DomainName]] = frozenset()


@dataclass(frozen=True, slots=True)
class Touched:
    """The parts of the state whose names a change may affect.

    `groups` and `applications` are ids, `zones` origins, `challenges` owner names.  `names` are
    names with configured records, each with the origin of its zone, whose other names are not
    affected.  In the zones (by origin) in `statuses` the status of every application is affected.
    Retired names are labels, each with the origin, in `labels`, and the status of names that
    applications had, in `former`.
    `concerned` are names that have, or had lately, stored records where the configuration differs.
    """

    groups: frozenset[str]
    applications: frozenset[str]
    zones: frozenset[DomainName] = frozenset()
    names: frozenset[tuple[DomainName, DomainName]] = frozenset()
    challenges: frozenset[DomainName] = frozenset()
    statuses: frozenset[DomainName] = frozenset()
    labels: frozenset[tuple[DomainName, str]] = frozenset()
    former: frozenset[str] = frozenset()
    concerned: frozenset[DomainName] = frozenset()


def touched(
    view: View,
    writes: Collection[Write],
    zones: tuple[Zone, ...] | None = None,
    settings: AutomationSettings | None = None,
    static: StaticDifference | None = None,
) -> Touched:
    """Return the parts of `view` that a change may affect.

    The change consists of `writes`, and of new `zones` or `settings` unless these are None.  Names
    whose difference is in `static` are left out.
    """
    groups: set[str] = set()
    applications: set[str] = set()
    challenges: set[DomainName] = set()
    hostnames: set[DomainName] = set()
    labels: set[tuple[DomainName, str]] = set()
    former: set[str] = set()
    apexes: set[DomainName] = set()
    names: set[tuple[DomainName, DomainName]] = set()
    concerned: set[tuple[DomainName, DomainName]] = set()
    for write in writes:
        for entity in (write.before, write.after):
            if isinstance(entity, Group):
                groups.add(entity.id)
                apexes.update(apexes_of(view, entity))
                applications.update(entity.applications)
            elif isinstance(entity, Application):
                applications.add(entity.id)
            elif isinstance(entity, Resolved | Freshness):
                hostnames.add(entity.hostname)
            elif isinstance(entity, Order):
                challenges.update(owners_of(entity.challenges))
            elif isinstance(entity, Tombstone):
                labels.add(entity.identity)
            elif isinstance(entity, FormerName):
                former.add(entity.name)
            elif isinstance(entity, StoredRecords):
                names.add(entity.identity)
        if isinstance(write.before, Application) and not _same_target(write.before, write.after):
            groups.update(group.id for group in view.following(write.before.id))
    if settings is not None and settings.policies != view.settings.policies:
        groups.update(group.id for group in view.groups() if group.automation.policy is not None)
    for origin, changed_at in changed_names(writes).items() if zones is None else ():
        zone = view.zone(origin)
        if zone is not None:
            after = zone_after(zone, changed_at)
            hostnames |= led_elsewhere(view, zone, after, (owner for owner, _ in changed_at))
            for retired in retired_by(view, zone, after, (owner for owner, _ in changed_at)):
                if isinstance(retired, Tombstone):
                    labels.add(retired.identity)
                else:
                    former.add(retired.name)
            challenges.update(owner for owner, _ in changed_at)
            if zone.static.wildcards or after.static.wildcards:
                challenges.update(o for order in view.orders() for o in owners_of(order.challenges))
    origins: set[DomainName] = set()
    statuses: set[DomainName] = set()
    if zones is not None:
        zones = zones_with(view, zones)
        origins = changed_zones(view.zones, zones)
        new = {zone.origin: zone for zone in zones}
        for origin in origins:
            for retired in retired_between(view, view.zone(origin), new.get(origin)):
                if isinstance(retired, Tombstone):
                    labels.add(retired.identity)
                else:
                    former.add(retired.name)
        kept = {zone.origin for zone in zones}
        statuses = {z.origin for z in zones if _defaults_differ(view.zone(z.origin), z)}
        gone = {zone.origin for zone in view.zones if zone.origin not in kept}
        statuses |= gone
        # Groups have a TTL of their own, and a new zone has no groups.
        others = gone | {z.origin for z in zones if _groups_differ(view.zone(z.origin), z)}
        if others:
            groups.update(group.id for group in view.groups() if group.zone in others)
        for order in view.orders():
            challenges.update(owners_of(order.challenges))
        hostnames |= _configured_otherwise(view, zones)
    for hostname in hostnames:
        apexes.update(view.aliases.get(hostname, ()))
        for id_ in view.pointing(hostname):
            for group in view.following(id_):
                if group.flatten:
                    groups.add(group.id)
                apexes.update(apexes_of(view, group))
    for id_ in groups:
        changed = view.group(id_)
        if changed is not None:
            apexes.update(apexes_of(view, changed))
    names |= {(origin, origin) for origin in apexes}
    for owner in challenges:
        zone = zone_of(view, owner)
        if zone is not None and owner.wire in zone.static.laid:
            names.add((zone.origin, owner))
    if static is not None and zones is not None:
        for zone in zones:
            if zone.origin in origins:
                stored = (records.owner for records in view.stored_records(zone.origin))
                owners = chain(stored, static.unchecked)
                found = differing(view.zone(zone.origin), zone, owners)
                concerned.update((zone.origin, owner) for owner in found)
        names |= static.own_names | concerned
        origins = set()
    return Touched(
        frozenset(groups),
        frozenset(applications),
        frozenset(origins),
        frozenset(names),
        frozenset(challenges),
        frozenset(statuses),
        frozenset(labels),
        frozenset(former),
        frozenset(owner for _, owner in concerned),
    )


def changed_zones(old: Iterable[Zone], new: Iterable[Zone]) -> set[DomainName]:
    """Return the origins of the zones that differ, that are added or that are removed."""
    before = {zone.origin: zone.digest() for zone in old}
    after = {zone.origin: zone.digest() for zone in new}
    return {
        origin for origin in before.keys() | after.keys() if before.get(origin) != after.get(origin)
    }


def nodes_of(view: View, part: Touched) -> dict[DomainName, Node]:
    """Return the nodes of the touched parts of the state, by owner name."""
    found: list[Iterable[Node]] = [
        group_nodes(view, part.groups, records_of(view)),
        status_nodes(view, part.applications),
        status_nodes(view, (one.id for one in view.applications()), part.statuses),
    ]
    for origin in part.zones:
        zone = view.zone(origin)
        if zone is not None:
            found.append(zone_nodes(view, zone))
    found.append(configured_nodes(view, part.names))
    found.append(retired_nodes(view, _all_of(view, Tombstone, part.labels)))
    found.append(retired_statuses(view, _all_of(view, FormerName, part.former)))
    found.append(challenge_nodes(view, part.challenges))
    return {node.owner: node for node in chain.from_iterable(found)}


def configured_nodes(view: View, names: Iterable[tuple[DomainName, DomainName]]) -> Iterator[Node]:
    """Yield the nodes of names with configured records, each given with the origin of its zone."""
    for origin, owner in names:
        zone = view.zone(origin)
        if zone is not None and zone.has_configured(owner):
            yield configured_node(view, zone, owner)


def difference(
    before: dict[DomainName, Node], after: dict[DomainName, Node], again: Set[DomainName] = NONE
) -> Delta:
    """Return the delta that turns the nodes `before` into the nodes `after`.

    It sets the names `again` also if they are the same.
    """
    return Delta(
        nodes=tuple(
            node for owner, node in after.items() if before.get(owner) != node or owner in again
        ),
        removed=tuple(owner for owner in before if owner not in after),
    )


def _same_target(before: Application, after: object) -> bool:
    return isinstance(after, Application) and _as_seen(before) == _as_seen(after)


def _as_seen(application: Application) -> tuple[Target, Target, Health]:
    """Return the properties of an application that a group's answers depend on."""
    return (
        web_head(application),
        target_of_application(application, healthy=True),
        application_condition(application).health,
    )


def _all_of(view: View, kind: type[E], identities: Iterable[Identity]) -> Iterator[E]:
    """Yield the entities of a kind with these identities that there are."""
    for identity in identities:
        entity = view.entity(kind, identity)
        if entity is not None:
            yield entity


def _configured_otherwise(view: View, zones: Iterable[Zone]) -> set[DomainName]:
    """Return the flattened hostnames at which new zones have other addresses than the view's."""
    after = {zone.origin: zone for zone in zones}
    return {
        hostname
        for hostname in flattened_hostnames(view)
        if configured_target(view.zone, hostname) != configured_target(after.get, hostname)
    }


def _groups_differ(before: Zone | None, after: Zone) -> bool:
    """Return whether a zone changes in what the names of its groups depend on."""
    return before is not None and (before.negative_ttl, before.reveal.sides) != (
        after.negative_ttl,
        after.reveal.sides,
    )


def _defaults_differ(before: Zone | None, after: Zone) -> bool:
    """Return whether a zone changes in what the status of applications depends on."""
    return before is None or (before.ttl, before.negative_ttl, before.reveal.status) != (
        after.ttl,
        after.negative_ttl,
        after.reveal.status,
    )
