"""Look-ups of entities by kind and identity, which the state and its drafts share.

The named methods are the part of `rules.derived.view.View` that reads one table.  Look-ups by
anything but the identity use an index: see `changes.indexes` and `changes.draft`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TypeVar

from failoverdns.model.application import Application
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.group import Group
from failoverdns.model.history_cut import THE_CUT, HistoryCut
from failoverdns.model.names import DomainName
from failoverdns.model.policy import Flag
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.zone import ZoneSerial

E = TypeVar("E", bound=Entity)


class EntityTables(ABC):
    """Entities by kind and identity; a new kind of entity is found without a change here."""

    @abstractmethod
    def entity(self, kind: type[E], identity: Identity) -> E | None:
        """Return the entity of this kind and identity; None if there is none."""

    @abstractmethod
    def entities(self, kind: type[E]) -> Iterable[E]:
        """Return all entities of a kind, in order of creation."""

    def serial(self, origin: DomainName) -> ZoneSerial | None:
        """Return the last serial number of a zone; None if it never had one."""
        return self.entity(ZoneSerial, origin)

    def serials(self) -> Iterable[ZoneSerial]:
        """Return the last serial number of each zone, of removed zones too."""
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
        """Return the last good answer of a resolver for a hostname."""
        return self.entity(Resolved, hostname)

    def all_resolved(self) -> Iterable[Resolved]:
        """Return the last good answer for each hostname."""
        return self.entities(Resolved)

    def freshness(self, hostname: DomainName) -> Freshness | None:
        """Return how fresh the last answer for a hostname is; None if not asked since the start."""
        return self.entity(Freshness, hostname)

    def certificate(self, application: str) -> Certificate | None:
        """Return the certificate of an application (by id)."""
        return self.entity(Certificate, application)

    def certificates(self) -> Iterable[Certificate]:
        """Return all certificates."""
        return self.entities(Certificate)

    def order(self, id_: str) -> Order | None:
        """Return a certificate order by its id."""
        return self.entity(Order, id_)

    def orders(self) -> Iterable[Order]:
        """Return all certificate orders."""
        return self.entities(Order)

    def account(self, directory: str) -> Account | None:
        """Return the account at an ACME directory (by URL)."""
        return self.entity(Account, directory)

    def flag(self, name: str) -> Flag | None:
        """Return a flag by its name; None if it was never turned on or off."""
        return self.entity(Flag, name)

    def history_cut(self) -> HistoryCut | None:
        """Return up to where the history was trimmed; None if it never was."""
        return self.entity(HistoryCut, THE_CUT)

    def flags(self) -> Iterable[Flag]:
        """Return all flags."""
        return self.entities(Flag)
