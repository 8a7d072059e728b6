"""The state in memory: every entity, found by what commands name it by.

`State` is what is committed; only the ledger changes it.
It is what the rules read (`rules.derived.view.View`), and so is a draft laid over it (`draft`).
Refuses to know why anything changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from failoverdns.model.application import Application
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.change import Entity, Write
from failoverdns.model.group import Group, Side, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS, AutomationSettings, Flag
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.zone import Zone, ZoneSerial
from failoverdns.rules.derived.web_heads import pointed_at


class State:
    """The committed state and its indexes."""

    def __init__(
        self,
        revision: int = 0,
        entities: Iterable[Entity] = (),
        zones: tuple[Zone, ...] = (),
        settings: AutomationSettings = NO_AUTOMATION_SETTINGS,
    ) -> None:
        self.revision = revision
        self.settings = settings
        """What the configuration says of checks, policies and safety rules."""
        self._zones = {zone.origin: zone for zone in zones}
        self._serials: dict[DomainName, ZoneSerial] = {}
        self._applications: dict[str, Application] = {}
        self._application_ids: dict[str, str] = {}
        self._groups: dict[str, Group] = {}
        self._group_ids: dict[str, str] = {}
        self._labels: dict[DomainName, dict[str, Group | Tombstone]] = {}
        self._following: dict[str, dict[str, None]] = {}
        self._unshared: set[str] | None = None
        """Applications whose followers no copy has; None while there was no copy."""
        self._active: dict[str, int] = {}
        self._certificates: dict[str, Certificate] = {}
        self._orders: dict[str, Order] = {}
        self._order_ids: dict[str, str] = {}
        self._accounts: dict[str, Account] = {}
        self._flattening: dict[str, None] = {}
        self._pointing: dict[DomainName, frozenset[str]] = {}
        self._resolved: dict[DomainName, Resolved] = {}
        self._freshness: dict[DomainName, Freshness] = {}
        self._flags: dict[str, Flag] = {}
        groups: list[Group] = []
        for entity in entities:
            if isinstance(entity, Group):
                groups.append(entity)
            else:
                self._enter(entity)
        self._enter_all(groups)

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones that are served."""
        return tuple(self._zones.values())

    def zone(self, origin: DomainName) -> Zone | None:
        """Return the zone of that origin."""
        return self._zones.get(origin)

    def serial(self, origin: DomainName) -> ZoneSerial | None:
        """Return the serial number that the zone was last given."""
        return self._serials.get(origin)

    def serials(self) -> Iterable[ZoneSerial]:
        """Return every serial number that was ever given."""
        return self._serials.values()

    def application(self, id_: str) -> Application | None:
        """Return an application by its id."""
        return self._applications.get(id_)

    def application_named(self, name: str) -> Application | None:
        """Return an application by its name."""
        id_ = self._application_ids.get(name)
        return self._applications[id_] if id_ is not None else None

    def applications(self) -> Iterable[Application]:
        """Return all applications, in order of creation."""
        return self._applications.values()

    def group(self, id_: str) -> Group | None:
        """Return a group by its id."""
        return self._groups.get(id_)

    def group_named(self, name: str) -> Group | None:
        """Return a group by its name."""
        id_ = self._group_ids.get(name)
        return self._groups[id_] if id_ is not None else None

    def groups(self) -> Iterable[Group]:
        """Return all groups, in order of creation."""
        return self._groups.values()

    def label_owner(self, zone: DomainName, label: str) -> Group | Tombstone | None:
        """Return who has, or had, a label of a zone."""
        return self._labels.get(zone, {}).get(label)

    def pointing(self, hostname: DomainName) -> Iterable[str]:
        """Return the applications (by id) whose web head is a hostname."""
        return self._pointing.get(hostname, ())

    def flattening(self) -> Iterator[Group]:
        """Return the groups that are flattened."""
        return (self._groups[id_] for id_ in self._flattening)

    def resolved(self, hostname: DomainName) -> Resolved | None:
        """Return the last good answer about a hostname."""
        return self._resolved.get(hostname)

    def all_resolved(self) -> Iterable[Resolved]:
        """Return every last good answer."""
        return self._resolved.values()

    def freshness(self, hostname: DomainName) -> Freshness | None:
        """Return how good that is; None if nothing was asked since the start."""
        return self._freshness.get(hostname)

    def following(self, application: str) -> Iterator[Group]:
        """Return the groups that an application (by id) is attached to."""
        return (self._groups[id_] for id_ in self._following.get(application, ()))

    def attachments(self, application: str) -> tuple[int, int]:
        """Return in how many groups an application (by id) is attached, and active."""
        return len(self._following.get(application, ())), self._active.get(application, 0)

    def certificate(self, application: str) -> Certificate | None:
        """Return the certificate of an application (by id)."""
        return self._certificates.get(application)

    def certificates(self) -> Iterable[Certificate]:
        """Return all certificates."""
        return self._certificates.values()

    def order(self, id_: str) -> Order | None:
        """Return an order by its id."""
        return self._orders.get(id_)

    def order_for(self, application: str) -> Order | None:
        """Return the order for an application (by id)."""
        id_ = self._order_ids.get(application)
        return self._orders[id_] if id_ is not None else None

    def orders(self) -> Iterable[Order]:
        """Return all orders."""
        return self._orders.values()

    def account(self, directory: str) -> Account | None:
        """Return our account at an ACME directory (by URL)."""
        return self._accounts.get(directory)

    def flag(self, name: str) -> Flag | None:
        """Return a flag by its name; None if nobody ever turned it on or off."""
        return self._flags.get(name)

    def flags(self) -> Iterable[Flag]:
        """Return all flags."""
        return self._flags.values()

    def apply(
        self,
        revision: int,
        writes: Iterable[Write],
        zones: tuple[Zone, ...] | None = None,
        settings: AutomationSettings | None = None,
    ) -> None:
        """Take over a committed change."""
        for write in writes:
            # Entities that only change keep their place in the order of creation.
            if write.before is not None:
                self._leave(write.before, replaced=write.after is not None)
            if write.after is not None:
                self._enter(write.after)
        if zones is not None:
            self._zones = {zone.origin: zone for zone in zones}
        if settings is not None:
            self.settings = settings
        self.revision = revision

    def copy(self) -> State:
        """Return a copy for a long reading: entities are shared, indexes are not."""
        other = State(self.revision)
        for name in vars(self):
            value = getattr(self, name)
            setattr(other, name, dict(value) if isinstance(value, dict) else value)
        other._labels = {zone: dict(labels) for zone, labels in self._labels.items()}
        self._unshared, other._unshared = set(), set()
        return other

    def _enter(self, entity: Entity) -> None:
        match entity:
            case Application():
                self._applications[entity.id] = entity
                self._application_ids[entity.name] = entity.id
                if (hostname := pointed_at(entity)) is not None:
                    self._pointing[hostname] = frozenset((*self.pointing(hostname), entity.id))
            case Group():
                self._groups[entity.id] = entity
                self._group_ids[entity.name] = entity.id
                self._labels.setdefault(entity.zone, {})[entity.label] = entity
                if entity.flatten:
                    self._flattening[entity.id] = None
                for id_ in entity.applications:
                    self._followers(id_)[entity.id] = None
                self._count_active(entity, 1)
            case Tombstone():
                self._labels.setdefault(entity.zone, {})[entity.label] = entity
            case ZoneSerial():
                self._serials[entity.origin] = entity
            case Certificate():
                self._certificates[entity.application] = entity
            case Order():
                self._orders[entity.id] = entity
                self._order_ids[entity.application] = entity.id
            case Account():
                self._accounts[entity.directory] = entity
            case Resolved():
                self._resolved[entity.hostname] = entity
            case Freshness():
                self._freshness[entity.hostname] = entity
            case Flag():
                self._flags[entity.name] = entity

    def _enter_all(self, groups: list[Group]) -> None:
        """Enter groups, of which there may be a million, index by index: in half the time."""
        self._groups.update({group.id: group for group in groups})
        self._group_ids.update({group.name: group.id for group in groups})
        zone, labels = None, dict[str, Group | Tombstone]()
        for group in groups:
            if group.zone is not zone:
                zone, labels = group.zone, self._labels.setdefault(group.zone, {})
            labels[group.label] = group
        self._flattening.update({group.id: None for group in groups if group.flatten})
        following, active = self._following, self._active
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

    def _leave(self, entity: Entity, *, replaced: bool) -> None:
        match entity:
            case Application():
                self._application_ids.pop(entity.name, None)
                if (hostname := pointed_at(entity)) is not None:
                    rest = frozenset(self.pointing(hostname)) - {entity.id}
                    self._pointing[hostname] = rest
                    if not rest:
                        del self._pointing[hostname]
                if not replaced:
                    del self._applications[entity.id]
            case Group():
                self._group_ids.pop(entity.name, None)
                self._flattening.pop(entity.id, None)
                for id_ in entity.applications:
                    followers = self._followers(id_)
                    followers.pop(entity.id, None)
                    if not followers:
                        self._following.pop(id_, None)
                self._count_active(entity, -1)
                if not replaced:
                    del self._groups[entity.id]
                    del self._labels[entity.zone][entity.label]
            case ZoneSerial() if not replaced:
                del self._serials[entity.origin]
            case Certificate() if not replaced:
                del self._certificates[entity.application]
            case Order():
                self._order_ids.pop(entity.application, None)
                if not replaced:
                    del self._orders[entity.id]
            case Account() if not replaced:
                del self._accounts[entity.directory]
            case Resolved() if not replaced:
                del self._resolved[entity.hostname]
            case Freshness() if not replaced:
                del self._freshness[entity.hostname]
            case Flag() if not replaced:
                del self._flags[entity.name]

    def _followers(self, application: str) -> dict[str, None]:
        """Return the ids of the groups that follow an application, to be changed."""
        followers = self._following.get(application)
        if followers is None:
            followers = self._following[application] = {}
        if self._unshared is not None and application not in self._unshared:
            self._unshared.add(application)
            followers = self._following[application] = dict(followers)
        return followers

    def _count_active(self, group: Group, step: int) -> None:
        id_ = group.application(group.active)
        if id_ is None:
            return
        count = self._active.get(id_, 0) + step
        if count:
            self._active[id_] = count
        else:
            self._active.pop(id_, None)
