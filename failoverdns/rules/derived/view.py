"""The read-only interface through which the rules read the state.

The ledger's state implements it, and so does the draft of a change that is not committed yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from failoverdns.model.application import Application
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings, Flag
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone, ZoneSerial

E = TypeVar("E", bound=Entity)


class View(Protocol):
    """The state at one revision."""

    @property
    def revision(self) -> int:
        """The number of changes committed so far."""

    @property
    def settings(self) -> AutomationSettings:
        """The checks, policies and safety rules of the configuration."""

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones as they are served: with the records of the state that are not hidden."""

    @property
    def aliases(self) -> Mapping[DomainName, tuple[DomainName, ...]]:
        """The origins of the zones that have an alias, by the hostname that the alias names."""

    def entity(self, kind: type[E], identity: Identity) -> E | None:
        """Return the entity of a kind with this identity, or None."""

    def entities(self, kind: type[E]) -> Iterable[E]:
        """Return all entities of a kind, in order of creation."""

    def zone(self, origin: DomainName) -> Zone | None:
        """Return the zone with this origin, or None."""

    def serial(self, origin: DomainName) -> ZoneSerial | None:
        """Return the last serial number of a zone, None if it never had one."""

    def serials(self) -> Iterable[ZoneSerial]:
        """Return the last serial number of every zone, including zones no longer served."""

    def application(self, id_: str) -> Application | None:
        """Return an application by its id."""

    def application_named(self, name: str) -> Application | None:
        """Return an application by its name."""

    def applications(self) -> Iterable[Application]:
        """Return all applications, in order of creation."""

    def group(self, id_: str) -> Group | None:
        """Return a group by its id."""

    def group_named(self, name: str) -> Group | None:
        """Return a group by its name."""

    def groups(self) -> Iterable[Group]:
        """Return all groups, in order of creation."""

    def label_owner(self, zone: DomainName, label: str) -> Group | Tombstone | None:
        """Return the group that has a label of a zone, its tombstone if it was removed, or None."""

    def pointing(self, hostname: DomainName) -> Iterable[str]:
        """Return the ids of the applications whose web head is this hostname."""

    def flattening(self) -> Iterable[Group]:
        """Return the flattened groups."""

    def resolved(self, hostname: DomainName) -> Resolved | None:
        """Return the last good answer for a hostname, None if there was none."""

    def all_resolved(self) -> Iterable[Resolved]:
        """Return the last good answers for all hostnames."""

    def freshness(self, hostname: DomainName) -> Freshness | None:
        """Return how fresh the answer for a hostname is; None if not resolved since the start."""

    def following(self, application: str) -> Iterable[Group]:
        """Return the groups that an application (by id) is attached to."""

    def attachments(self, application: str) -> tuple[int, int]:
        """Return the numbers of groups in which an application (by id) is attached, and active."""

    def certificate(self, application: str) -> Certificate | None:
        """Return the certificate of an application (by id)."""

    def certificates(self) -> Iterable[Certificate]:
        """Return all certificates."""

    def order(self, id_: str) -> Order | None:
        """Return an order by its id."""

    def order_for(self, application: str) -> Order | None:
        """Return the order for an application (by id)."""

    def orders(self) -> Iterable[Order]:
        """Return all orders."""

    def account(self, directory: str) -> Account | None:
        """Return the server's account at an ACME directory (by URL), or None."""

    def flag(self, name: str) -> Flag | None:
        """Return a flag by its name; None if it was never turned on or off."""

    def stored_records(self, zone: DomainName) -> Iterable[StoredRecords]:
        """Return the stored records of a zone (by origin), which need not be configured."""

    def stored_count(self, zone: DomainName) -> int:
        """Return the number of records that are stored for a zone (by origin)."""

    def history_cut(self) -> HistoryCut | None:
        """Return up to where the history was trimmed; None if it never was."""

    def flags(self) -> Iterable[Flag]:
        """Return all flags."""
