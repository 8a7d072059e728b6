"""The committed state in memory: every entity, and indexes to look entities up.

Only the ledger changes it.  The rules read it, or a draft laid over it (`changes.draft`), through
one interface, `rules.derived.view.View`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from failoverdns.changes.entity_tables import E, EntityTables
from failoverdns.changes.indexes import Indexes
from failoverdns.model.application import Application
from failoverdns.model.certificate import Order
from failoverdns.model.change import Write
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS, AutomationSettings
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.apex import aliases_of
from failoverdns.rules.derived.stored import changed_names, zone_after, zones_with


class State(EntityTables):
    """The committed state: a table for each kind of entity, and indexes."""

    def __init__(
        self,
        revision: int = 0,
        entities: Iterable[Entity] = (),
        zones: tuple[Zone, ...] = (),
        settings: AutomationSettings = NO_AUTOMATION_SETTINGS,
    ) -> None:
        self.revision = revision
        self.settings = settings
        """The configured checks, policies and safety rules."""
        self.aliases = aliases_of(zones)
        """The origins of the zones that have an alias, by the hostname that the alias names."""
        self._tables: defaultdict[type[Entity], dict[Identity, Any]] = defaultdict(dict)
        self._indexes = Indexes()
        groups: list[Group] = []
        for entity in entities:
            if isinstance(entity, Group):
                groups.append(entity)
            else:
                self._enter(entity)
        self._tables[Group].update({group.id: group for group in groups})
        self._indexes.enter_all(groups)
        self._zones = {zone.origin: zone for zone in zones_with(self, zones)}

    def entity(self, kind: type[E], identity: Identity) -> E | None:
        """Return the entity of this kind and identity; None if there is none."""
        found: E | None = self._tables[kind].get(identity)
        return found

    def entities(self, kind: type[E]) -> Iterable[E]:
        """Return all entities of a kind, in order of creation."""
        return self._tables[kind].values()

    def application(self, id_: str) -> Application | None:
        """Return an application by its id."""
        # Not by `entity`: a full table reads the applications of each group.
        found: Application | None = self._tables[Application].get(id_)
        return found

    def group(self, id_: str) -> Group | None:
        """Return a group by its id."""
        found: Group | None = self._tables[Group].get(id_)
        return found

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones as they are served."""
        return tuple(self._zones.values())

    def zone(self, origin: DomainName) -> Zone | None:
        """Return the zone with this origin; None if it is not served."""
        return self._zones.get(origin)

    def application_named(self, name: str) -> Application | None:
        """Return an application by its name."""
        id_ = self._indexes.application_ids.get(name)
        return self.application(id_) if id_ is not None else None

    def group_named(self, name: str) -> Group | None:
        """Return a group by its name."""
        id_ = self._indexes.group_ids.get(name)
        return self.group(id_) if id_ is not None else None

    def label_owner(self, zone: DomainName, label: str) -> Group | Tombstone | None:
        """Return the group that has a label of a zone, or the tombstone of the one that had it."""
        return self._indexes.labels.get(zone, {}).get(label)

    def pointing(self, hostname: DomainName) -> Iterable[str]:
        """Return the ids of the applications whose web head is this hostname."""
        return self._indexes.pointing.get(hostname, ())

    def flattening(self) -> Iterator[Group]:
        """Return the groups that are flattened: they answer addresses in place of a CNAME."""
        groups = self._tables[Group]
        return (groups[id_] for id_ in self._indexes.flattening)

    def following(self, application: str) -> Iterator[Group]:
        """Return the groups that an application (by id) is attached to."""
        groups = self._tables[Group]
        return (groups[id_] for id_ in self._indexes.following.get(application, ()))

    def attachments(self, application: str) -> tuple[int, int]:
        """Return the number of groups that an application (by id) is attached to, and active in."""
        indexes = self._indexes
        attached = len(indexes.following.get(application, ()))
        return attached, indexes.active.get(application, 0)

    def stored_records(self, zone: DomainName) -> Iterable[StoredRecords]:
        """Return the stored records of a zone (by origin)."""
        return self._indexes.stored.get(zone, {}).values()

    def stored_count(self, zone: DomainName) -> int:
        """Return the number of records that are stored for a zone (by origin)."""
        return self._indexes.stored_counts.get(zone, 0)

    def order_for(self, application: str) -> Order | None:
        """Return the certificate order of an application (by id)."""
        id_ = self._indexes.order_ids.get(application)
        return self.order(id_) if id_ is not None else None

    def apply(
        self,
        revision: int,
        writes: Collection[Write],
        zones: tuple[Zone, ...] | None = None,
        settings: AutomationSettings | None = None,
    ) -> None:
        """Apply a committed change; `zones` are those of a new configuration."""
        for write in writes:
            # Entities that only change keep their place in the order of creation.
            if write.before is not None:
                self._leave(write.before, replaced=write.after is not None)
            if write.after is not None:
                self._enter(write.after)
        for origin, changed in changed_names(writes).items() if zones is None else ():
            if (served := self._zones.get(origin)) is not None:
                self._zones[origin] = zone_after(served, changed)
        if zones is not None:
            self._zones = {zone.origin: zone for zone in zones_with(self, zones)}
            self.aliases = aliases_of(zones)
        if settings is not None:
            self.settings = settings
        self.revision = revision

    def copy(self) -> State:
        """Return a copy to read over a longer time; it shares entities, but no table or index."""
        other = State(self.revision, settings=self.settings)
        other._zones = dict(self._zones)
        other.aliases = self.aliases
        other._tables.update({kind: dict(table) for kind, table in self._tables.items()})
        other._indexes = self._indexes.copy()
        return other

    def _enter(self, entity: Entity) -> None:
        self._tables[type(entity)][entity.identity] = entity
        self._indexes.enter(entity)

    def _leave(self, entity: Entity, *, replaced: bool) -> None:
        self._indexes.leave(entity, replaced=replaced)
        if not replaced:
            del self._tables[type(entity)][entity.identity]
