"""The state with changes laid over it that are not committed yet: it costs what they touch.

The rules read it (`rules.derived.view.View`) just as the state below, which stays as it is.
Refuses to know why anything changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from failoverdns.changes.state import State
from failoverdns.model.application import Application
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.change import Entity, Write
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings, Flag
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.zone import Zone, ZoneSerial
from failoverdns.rules.derived.web_heads import pointed_at

_K = TypeVar("_K")
_V = TypeVar("_V")


class Draft:
    """A state with changes laid over it; the state below is not touched."""

    def __init__(self, base: State) -> None:
        self._base = base
        self.revision = base.revision
        self._zones: tuple[Zone, ...] | None = None
        self._serials: dict[DomainName, ZoneSerial | None] = {}
        self._applications: dict[str, Application | None] = {}
        self._application_names: dict[str, Application | None] = {}
        self._groups: dict[str, Group | None] = {}
        self._group_names: dict[str, Group | None] = {}
        self._labels: dict[tuple[DomainName, str], Group | Tombstone | None] = {}
        self._attached = Counter[str]()
        self._active = Counter[str]()
        self._certificates: dict[str, Certificate | None] = {}
        self._orders: dict[str, Order | None] = {}
        self._application_orders: dict[str, Order | None] = {}
        self._accounts: dict[str, Account | None] = {}
        self._resolved: dict[DomainName, Resolved | None] = {}
        self._freshness: dict[DomainName, Freshness | None] = {}
        self._flags: dict[str, Flag | None] = {}
        self._settings: AutomationSettings | None = None

    @property
    def settings(self) -> AutomationSettings:
        """What the configuration says of checks, policies and safety rules."""
        return self._base.settings if self._settings is None else self._settings

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones that are served."""
        return self._base.zones if self._zones is None else self._zones

    def zone(self, origin: DomainName) -> Zone | None:
        """Return the zone of that origin."""
        if self._zones is None:
            return self._base.zone(origin)
        return next((zone for zone in self._zones if zone.origin == origin), None)

    def serial(self, origin: DomainName) -> ZoneSerial | None:
        """Return the serial number that the zone was last given."""
        if origin in self._serials:
            return self._serials[origin]
        return self._base.serial(origin)

    def serials(self) -> Iterator[ZoneSerial]:
        """Return every serial number that was ever given."""
        return _overlaid(((s.origin, s) for s in self._base.serials()), self._serials)

    def application(self, id_: str) -> Application | None:
        """Return an application by its id."""
        if id_ in self._applications:
            return self._applications[id_]
        return self._base.application(id_)

    def application_named(self, name: str) -> Application | None:
        """Return an application by its name."""
        if name in self._application_names:
            return self._application_names[name]
        return self._base.application_named(name)

    def applications(self) -> Iterator[Application]:
        """Return all applications, in order of creation."""
        return _overlaid(((a.id, a) for a in self._base.applications()), self._applications)

    def group(self, id_: str) -> Group | None:
        """Return a group by its id."""
        return self._groups[id_] if id_ in self._groups else self._base.group(id_)

    def group_named(self, name: str) -> Group | None:
        """Return a group by its name."""
        if name in self._group_names:
            return self._group_names[name]
        return self._base.group_named(name)

    def groups(self) -> Iterator[Group]:
        """Return all groups, in order of creation."""
        return _overlaid(((g.id, g) for g in self._base.groups()), self._groups)

    def label_owner(self, zone: DomainName, label: str) -> Group | Tombstone | None:
        """Return who has, or had, a label of a zone."""
        if (zone, label) in self._labels:
            return self._labels[zone, label]
        return self._base.label_owner(zone, label)

    def pointing(self, hostname: DomainName) -> Iterator[str]:
        """Return the applications (by id) whose web head is a hostname."""
        for id_ in self._base.pointing(hostname):
            if id_ not in self._applications:
                yield id_
        for changed in self._applications.values():
            if changed is not None and pointed_at(changed) == hostname:
                yield changed.id

    def flattening(self) -> Iterator[Group]:
        """Return the groups that are flattened."""
        for group in self._base.flattening():
            if group.id not in self._groups:
                yield group
        for changed in self._groups.values():
            if changed is not None and changed.flatten:
                yield changed

    def resolved(self, hostname: DomainName) -> Resolved | None:
        """Return the last good answer about a hostname."""
        if hostname in self._resolved:
            return self._resolved[hostname]
        return self._base.resolved(hostname)

    def all_resolved(self) -> Iterator[Resolved]:
        """Return every last good answer."""
        return _overlaid(((r.hostname, r) for r in self._base.all_resolved()), self._resolved)

    def freshness(self, hostname: DomainName) -> Freshness | None:
        """Return how good that is; None if nothing was asked since the start."""
        if hostname in self._freshness:
            return self._freshness[hostname]
        return self._base.freshness(hostname)

    def following(self, application: str) -> Iterator[Group]:
        """Return the groups that an application (by id) is attached to."""
        for group in self._base.following(application):
            if group.id not in self._groups:
                yield group
        for changed in self._groups.values():
            if changed is not None and application in changed.applications:
                yield changed

    def attachments(self, application: str) -> tuple[int, int]:
        """Return in how many groups an application (by id) is attached, and active."""
        attached, active = self._base.attachments(application)
        return attached + self._attached[application], active + self._active[application]

    def certificate(self, application: str) -> Certificate | None:
        """Return the certificate of an application (by id)."""
        if application in self._certificates:
            return self._certificates[application]
        return self._base.certificate(application)

    def certificates(self) -> Iterator[Certificate]:
        """Return all certificates."""
        base = ((c.application, c) for c in self._base.certificates())
        return _overlaid(base, self._certificates)

    def order(self, id_: str) -> Order | None:
        """Return an order by its id."""
        return self._orders[id_] if id_ in self._orders else self._base.order(id_)

    def order_for(self, application: str) -> Order | None:
        """Return the order for an application (by id)."""
        if application in self._application_orders:
            return self._application_orders[application]
        return self._base.order_for(application)

    def orders(self) -> Iterator[Order]:
        """Return all orders."""
        return _overlaid(((o.id, o) for o in self._base.orders()), self._orders)

    def account(self, directory: str) -> Account | None:
        """Return our account at an ACME directory (by URL)."""
        if directory in self._accounts:
            return self._accounts[directory]
        return self._base.account(directory)

    def flag(self, name: str) -> Flag | None:
        """Return a flag by its name; None if nobody ever turned it on or off."""
        return self._flags[name] if name in self._flags else self._base.flag(name)

    def flags(self) -> Iterator[Flag]:
        """Return all flags."""
        return _overlaid(((flag.name, flag) for flag in self._base.flags()), self._flags)

    def apply(
        self,
        revision: int,
        writes: Iterable[Write],
        zones: tuple[Zone, ...] | None = None,
        settings: AutomationSettings | None = None,
    ) -> None:
        """Lay a change over the state."""
        for write in writes:
            self._lay(write.before, gone=True)
            self._lay(write.after, gone=False)
        if zones is not None:
            self._zones = zones
        if settings is not None:
            self._settings = settings
        self.revision = revision

    def _lay(self, entity: Entity | None, *, gone: bool) -> None:
        match entity:
            case Application():
                self._applications[entity.id] = None if gone else entity
                self._application_names[entity.name] = None if gone else entity
            case Group():
                self._groups[entity.id] = None if gone else entity
                self._group_names[entity.name] = None if gone else entity
                self._labels[entity.zone, entity.label] = None if gone else entity
                step = -1 if gone else 1
                self._attached.update(dict.fromkeys(entity.applications, step))
                if (active := entity.application(entity.active)) is not None:
                    self._active[active] += step
            case Tombstone():
                self._labels[entity.zone, entity.label] = None if gone else entity
            case ZoneSerial():
                self._serials[entity.origin] = None if gone else entity
            case Certificate():
                self._certificates[entity.application] = None if gone else entity
            case Order():
                self._orders[entity.id] = None if gone else entity
                self._application_orders[entity.application] = None if gone else entity
            case Account():
                self._accounts[entity.directory] = None if gone else entity
            case Resolved():
                self._resolved[entity.hostname] = None if gone else entity
            case Freshness():
                self._freshness[entity.hostname] = None if gone else entity
            case Flag():
                self._flags[entity.name] = None if gone else entity


def _overlaid(base: Iterable[tuple[_K, _V]], over: dict[_K, _V | None]) -> Iterator[_V]:
    """Yield the values of `base` as changed by `over`, new ones last."""
    rest = dict(over)
    for key, value in base:
        changed = rest.pop(key, value)
        if changed is not None:
            yield changed
    yield from (value for value in rest.values() if value is not None)
