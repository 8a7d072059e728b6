"""A draft: the committed state with uncommitted changes laid over it.

The rules read a draft and the state through one interface, `rules.derived.view.View`.  The state
below a draft is not changed, and a draft holds no more than the entities that its changes touch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from failoverdns.changes.entity_tables import E, EntityTables
from failoverdns.changes.state import State
from failoverdns.model.application import Application
from failoverdns.model.certificate import Order
from failoverdns.model.change import Write
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.apex import aliases_of
from failoverdns.rules.derived.stored import changed_names, zone_after, zones_with
from failoverdns.rules.derived.web_heads import pointed_at


class Draft(EntityTables):
    """A state with changes laid over it; the state below is not changed."""

    def __init__(self, base: State) -> None:
        self._base = base
        self.revision = base.revision
        self.base_revision = base.revision
        """The revision of the state below, which is stored."""
        self._zones: dict[DomainName, Zone] | None = None
        self._relaid: dict[DomainName, Zone] = {}
        """Zones whose stored records changed, as they are served."""
        self._aliases: Mapping[DomainName, tuple[DomainName, ...]] = base.aliases
        self._tables: defaultdict[type[Entity], dict[Identity, Any]] = defaultdict(dict)
        """Changed entities by kind and identity; None for a removed one."""
        self._application_names: dict[str, Application | None] = {}
        self._group_names: dict[str, Group | None] = {}
        self._labels: dict[tuple[DomainName, str], Group | Tombstone | None] = {}
        self._attached = Counter[str]()
        self._active = Counter[str]()
        self._stored = Counter[DomainName]()
        self._application_orders: dict[str, Order | None] = {}
        self._settings: AutomationSettings | None = None

    def entity(self, kind: type[E], identity: Identity) -> E | None:
        """Return the entity of this kind and identity; None if there is none."""
        laid = self._tables[kind]
        if identity in laid:
            found: E | None = laid[identity]
            return found
        return self._base.entity(kind, identity)

    def entities(self, kind: type[E]) -> Iterator[E]:
        """Return all entities of a kind, in order of creation."""
        rest = dict(self._tables[kind])
        if not rest:
            yield from self._base.entities(kind)
            return
        for entity in self._base.entities(kind):
            changed: E | None = rest.pop(entity.identity, entity)
            if changed is not None:
                yield changed
        yield from (entity for entity in rest.values() if entity is not None)

    @property
    def settings(self) -> AutomationSettings:
        """The configured checks, policies and safety rules."""
        return self._base.settings if self._settings is None else self._settings

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones as they are served."""
        zones = self._base.zones if self._zones is None else tuple(self._zones.values())
        if not self._relaid:
            return zones
        return tuple(self._relaid.get(zone.origin, zone) for zone in zones)

    @property
    def aliases(self) -> Mapping[DomainName, tuple[DomainName, ...]]:
        """The origins of the zones that have an alias, by the hostname that the alias names."""
        return self._aliases

    def zone(self, origin: DomainName) -> Zone | None:
        """Return the zone with this origin; None if it is not served."""
        if origin in self._relaid:
            return self._relaid[origin]
        if self._zones is None:
            return self._base.zone(origin)
        return self._zones.get(origin)

    def application_named(self, name: str) -> Application | None:
        """Return an application by its name."""
        if name in self._application_names:
            return self._application_names[name]
        return self._base.application_named(name)

    def group_named(self, name: str) -> Group | None:
        """Return a group by its name."""
        if name in self._group_names:
            return self._group_names[name]
        return self._base.group_named(name)

    def label_owner(self, zone: DomainName, label: str) -> Group | Tombstone | None:
        """Return the group that has a label of a zone, or the tombstone of the one that had it."""
        if (zone, label) in self._labels:
            return self._labels[zone, label]
        return self._base.label_owner(zone, label)

    def pointing(self, hostname: DomainName) -> Iterator[str]:
        """Return the ids of the applications whose web head is this hostname."""
        for id_ in self._base.pointing(hostname):
            if id_ not in self._tables[Application]:
                yield id_
        for changed in self._tables[Application].values():
            if changed is not None and pointed_at(changed) == hostname:
                yield changed.id

    def flattening(self) -> Iterator[Group]:
        """Return the groups that are flattened: they answer addresses in place of a CNAME."""
        for group in self._base.flattening():
            if group.id not in self._tables[Group]:
                yield group
        for changed in self._tables[Group].values():
            if changed is not None and changed.flatten:
                yield changed

    def following(self, application: str) -> Iterator[Group]:
        """Return the groups that an application (by id) is attached to."""
        for group in self._base.following(application):
            if group.id not in self._tables[Group]:
                yield group
        for changed in self._tables[Group].values():
            if changed is not None and application in changed.applications:
                yield changed

    def attachments(self, application: str) -> tuple[int, int]:
        """Return the number of groups that an application (by id) is attached to, and active in."""
        attached, active = self._base.attachments(application)
        return attached + self._attached[application], active + self._active[application]

    def stored_records(self, zone: DomainName) -> Iterator[StoredRecords]:
        """Return the stored records of a zone (by origin)."""
        changed = self._tables[StoredRecords]
        for records in self._base.stored_records(zone):
            if not changed or records.identity not in changed:
                yield records
        for one in changed.values():
            if one is not None and one.zone == zone:
                yield one

    def stored_count(self, zone: DomainName) -> int:
        """Return the number of records that are stored for a zone (by origin)."""
        return self._base.stored_count(zone) + self._stored[zone]

    def order_for(self, application: str) -> Order | None:
        """Return the certificate order of an application (by id)."""
        if application in self._application_orders:
            return self._application_orders[application]
        return self._base.order_for(application)

    def apply(
        self,
        revision: int,
        writes: Collection[Write],
        zones: tuple[Zone, ...] | None = None,
        settings: AutomationSettings | None = None,
    ) -> None:
        """Lay writes, and zones or settings if given, over the state, as `revision`."""
        for write in writes:
            if write.before is not None:
                self._lay(write.before, gone=True)
            if write.after is not None:
                self._lay(write.after, gone=False)
        for origin, changed in changed_names(writes).items() if zones is None else ():
            if (served := self.zone(origin)) is not None:
                self._relaid[origin] = zone_after(served, changed)
        if zones is not None:
            self._zones = {zone.origin: zone for zone in zones_with(self, zones)}
            self._relaid = {}
            self._aliases = aliases_of(zones)
        if settings is not None:
            self._settings = settings
        self.revision = revision

    def _lay(self, entity: Entity, *, gone: bool) -> None:
        self._tables[type(entity)][entity.identity] = None if gone else entity
        match entity:
            case Application():
                self._application_names[entity.name] = None if gone else entity
            case Group():
                self._group_names[entity.name] = None if gone else entity
                self._labels[entity.zone, entity.label] = None if gone else entity
                change = -1 if gone else 1
                self._attached.update(dict.fromkeys(entity.applications, change))
                if (active := entity.application(entity.active)) is not None:
                    self._active[active] += change
            case Tombstone():
                self._labels[entity.zone, entity.label] = None if gone else entity
            case StoredRecords():
                self._stored[entity.zone] += -entity.count if gone else entity.count
            case Order():
                self._application_orders[entity.application] = None if gone else entity
