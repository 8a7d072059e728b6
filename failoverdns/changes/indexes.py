"""Indexes of the state: look-ups of entities by anything but their identity.

An index holds identities, and the state's tables hold the entities; only `labels` and `stored`
hold entities themselves.  The state reports each entity that it adds or removes.  Most kinds have
no index.
"""

from __future__ import annotations

from failoverdns.model.application import Application
from failoverdns.model.certificate import Order
from failoverdns.model.entity import Entity
from failoverdns.model.group import Group, Side, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.stored_records import StoredRecords
from failoverdns.rules.derived.web_heads import pointed_at


class Indexes:
    """Ids of applications, groups and orders, by name, hostname, label or application."""

    def __init__(self) -> None:
        self.application_ids: dict[str, str] = {}
        """Ids of applications by name."""
        self.pointing: dict[DomainName, frozenset[str]] = {}
        """Ids of applications by the hostname of their web head."""
        self.group_ids: dict[str, str] = {}
        """Ids of groups by name."""
        self.labels: dict[DomainName, dict[str, Group | Tombstone]] = {}
        """Groups, and tombstones of removed groups, by zone and label."""
        self.flattening: dict[str, None] = {}
        """Ids of flattened groups."""
        self.following: dict[str, dict[str, None]] = {}
        """Ids of the groups attached to an application, by the application's id."""
        self.active: dict[str, int] = {}
        """The number of groups in which an application is active, by its id."""
        self.stored: dict[DomainName, dict[DomainName, StoredRecords]] = {}
        """Stored records by zone and owner name."""
        self.stored_counts: dict[DomainName, int] = {}
        """The number of stored records of a zone, by its origin."""
        self.order_ids: dict[str, str] = {}
        """Ids of certificate orders by the application's id."""
        self._unshared: set[str] | None = None
        """Applications whose followers no copy shares; None before the first copy."""

    def copy(self) -> Indexes:
        """Return a copy; it shares the followers of an application until either changes them."""
        other = Indexes()
        for name, value in vars(self).items():
            setattr(other, name, dict(value) if isinstance(value, dict) else value)
        other.labels = {zone: dict(labels) for zone, labels in self.labels.items()}
        other.stored = {zone: dict(names) for zone, names in self.stored.items()}
        self._unshared, other._unshared = set(), set()
        return other

    def enter(self, entity: Entity) -> None:
        """Add an entity that enters the state."""
        match entity:
            case Application():
                self.application_ids[entity.name] = entity.id
                if (hostname := pointed_at(entity)) is not None:
                    others = self.pointing.get(hostname, ())
                    self.pointing[hostname] = frozenset((*others, entity.id))
            case Group():
                self.group_ids[entity.name] = entity.id
                self.labels.setdefault(entity.zone, {})[entity.label] = entity
                if entity.flatten:
                    self.flattening[entity.id] = None
                for id_ in entity.applications:
                    self._followers(id_)[entity.id] = None
                self._count_active(entity, 1)
            case Tombstone():
                self.labels.setdefault(entity.zone, {})[entity.label] = entity
            case StoredRecords():
                self.stored.setdefault(entity.zone, {})[entity.owner] = entity
                self._count_stored(entity, entity.count)
            case Order():
                self.order_ids[entity.application] = entity.id

    def enter_all(self, groups: list[Group]) -> None:
        """Add many groups, index by index; a million take half the time that one by one takes."""
        self.group_ids.update({group.name: group.id for group in groups})
        zone, labels = None, dict[str, Group | Tombstone]()
        for group in groups:
            if group.zone is not zone:
                zone, labels = group.zone, self.labels.setdefault(group.zone, {})
            labels[group.label] = group
        self.flattening.update({group.id: None for group in groups if group.flatten})
        following, active = self.following, self.active
        for group in groups:
            id_, primary, backup = group.id, group.primary, group.backup
            for application in (primary, backup):
                if application is not None:
                    followers = following.get(application)
                    if followers is None:
                        followers = following[application] = {}
                    followers[id_] = None
            application = primary if group.active is Side.PRIMARY else backup
            if application is not None:
                active[application] = active.get(application, 0) + 1

    def leave(self, entity: Entity, *, replaced: bool) -> None:
        """Remove an entity; `replaced` is true if another one with its identity enters next."""
        match entity:
            case Application():
                self.application_ids.pop(entity.name, None)
                if (hostname := pointed_at(entity)) is not None:
                    rest = self.pointing.get(hostname, frozenset()) - {entity.id}
                    self.pointing[hostname] = rest
                    if not rest:
                        del self.pointing[hostname]
            case Group():
                self.group_ids.pop(entity.name, None)
                self.flattening.pop(entity.id, None)
                for id_ in entity.applications:
                    followers = self._followers(id_)
                    followers.pop(entity.id, None)
                    if not followers:
                        self.following.pop(id_, None)
                self._count_active(entity, -1)
                if not replaced:
                    del self.labels[entity.zone][entity.label]
            case StoredRecords():
                self._count_stored(entity, -entity.count)
                if not replaced:
                    del self.stored[entity.zone][entity.owner]
                    if not self.stored[entity.zone]:
                        del self.stored[entity.zone]
            case Order():
                self.order_ids.pop(entity.application, None)

    def _followers(self, application: str) -> dict[str, None]:
        """Return the ids of the groups attached to an application; the caller may change them."""
        followers = self.following.get(application)
        if followers is None:
            followers = self.following[application] = {}
        if self._unshared is not None and application not in self._unshared:
            self._unshared.add(application)
            followers = self.following[application] = dict(followers)
        return followers

    def _count_stored(self, records: StoredRecords, change: int) -> None:
        count = self.stored_counts.get(records.zone, 0) + change
        if count:
            self.stored_counts[records.zone] = count
        else:
            self.stored_counts.pop(records.zone, None)

    def _count_active(self, group: Group, change: int) -> None:
        id_ = group.application(group.active)
        if id_ is None:
            return
        count = self.active.get(id_, 0) + change
        if count:
            self.active[id_] = count
        else:
            self.active.pop(id_, None)
