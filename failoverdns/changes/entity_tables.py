"""Entities by kind and identity: what the state and its drafts hold of every kind alike.

The named methods are the part of `rules.derived.view.View` that is no more than a look into one
table.  What is found by anything else is in an index (`changes.indexes`, `changes.draft`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from failoverdns.model.application import Application
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.group import Group
from failoverdns.model.names import DomainName
from failoverdns.model.policy import Flag
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.zone import ZoneSerial

E = TypeVar("E", bound=Entity)


class EntityTables:
    """Returns entities by kind and identity; a kind that is added needs nothing here."""

    def entity(self, kind: type[E], identity: Identity) -> E | None:
        """Return the entity of a kind that has this identity."""
        raise NotImplementedError

    def entities(self, kind: type[E]) -> Iterable[E]:
        """Return all entities of a kind, in order of creation."""
        raise NotImplementedError

    def serial(self, origin: DomainName) -> ZoneSerial | None:
        """Return the serial number that the zone was last given."""
        return self.entity(ZoneSerial, origin)

    def serials(self) -> Iterable[ZoneSerial]:
        """Return every serial number that was ever given."""
        return self.entities(ZoneSerial)

    def application(self, id_: str) -> Application | None:
        """Return an application by its id."""
        return self.entity(Application, id_)

    def applications(self) -> Iterable[Application]:
        """Return all applications, in order of creation."""
        return self.entities(Application)

    def group(self, id_: str) -> Group | None:
        """Return a group by its id."""
        return self.entity(Group, id_)

    def groups(self) -> Iterable[Group]:
        """Return all groups, in order of creation."""
        return self.entities(Group)

    def resolved(self, hostname: DomainName) -> Resolved | None:
        """Return the last good answer about a hostname."""
        return self.entity(Resolved, hostname)

    def all_resolved(self) -> Iterable[Resolved]:
        """Return every last good answer."""
        return self.entities(Resolved)

    def freshness(self, hostname: DomainName) -> Freshness | None:
        """Return how good the last answer still is; None if nothing was asked since the start."""
        return self.entity(Freshness, hostname)

    def certificate(self, application: str) -> Certificate | None:
        """Return the certificate of an application (by id)."""
        return self.entity(Certificate, application)

    def certificates(self) -> Iterable[Certificate]:
        """Return all certificates."""
        return self.entities(Certificate)

    def order(self, id_: str) -> Order | None:
        """Return an order by its id."""
        return self.entity(Order, id_)

    def orders(self) -> Iterable[Order]:
        """Return all orders."""
        return self.entities(Order)

    def account(self, directory: str) -> Account | None:
        """Return our account at an ACME directory (by URL)."""
        return self.entity(Account, directory)

    def flag(self, name: str) -> Flag | None:
        """Return a flag by its name; None if nobody ever turned it on or off."""
        return self.entity(Flag, name)

    def flags(self) -> Iterable[Flag]:
        """Return all flags."""
        return self.entities(Flag)
