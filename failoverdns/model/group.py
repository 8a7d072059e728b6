"""Failover groups, their sides, and the tombstones that deleted groups leave behind.

Refuses to know what a side resolves to: that is a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION, Automation

DEFAULT_TTL = 60
MAX_TTL = 86400


class Side(Enum):
    """One of the two places in a group that an application can take."""

    PRIMARY = "primary"
    BACKUP = "backup"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.BACKUP if self is Side.PRIMARY else Side.PRIMARY


@dataclass(frozen=True, slots=True)
class Group(Entity):
    """A failover group: a label in a zone that follows the active one of two applications.

    `primary` and `backup` are ids of applications; `ttl` in seconds; `revision` is that of the
    last change to the group itself.
    With `flatten` a hostname is answered as the addresses that it resolves to.
    `cached_until` (seconds since 1970) is when the last answer with an earlier, longer TTL
    expires; `drained_at` when the last client left the side that the last switch abandoned.
    """

    id: str
    name: str
    zone: DomainName
    label: str
    primary: str | None
    backup: str | None
    active: Side
    ttl: int
    revision: int
    cached_until: float = 0.0
    drained_at: float | None = None
    flatten: bool = False
    automation: Automation = NO_AUTOMATION

    @property
    def identity(self) -> str:
        """The id."""
        return self.id

    @property
    def served_ttl(self) -> int:
        """The TTL of its answers in seconds: less than usual before a planned switch."""
        plan = self.automation.plan
        if plan is None or plan.lowered_at is None:
            return self.ttl
        return min(plan.pre_ttl, self.ttl)

    @property
    def hostname(self) -> DomainName:
        """The failover hostname: label and zone."""
        return DomainName(self.hostname_wire)

    @property
    def hostname_wire(self) -> bytes:
        """The failover hostname in wire form."""
        label = self.label.encode("ascii")
        return b"%c%b%b" % (len(label), label, self.zone.wire)

    def application(self, side: Side) -> str | None:
        """Return the id of the application on `side`, or None."""
        return self.primary if side is Side.PRIMARY else self.backup

    @property
    def applications(self) -> tuple[str, ...]:
        """The ids of the attached applications, primary first."""
        if self.primary is None or self.backup is None:
            return tuple(id_ for id_ in (self.primary, self.backup) if id_ is not None)
        return self.primary, self.backup


PRIMARY_LABEL = b"\x07primary"
BACKUP_LABEL = b"\x06backup"
"""What precedes the hostname of a group, in wire form, in the name that leads to one of its sides.

No such name is too long, because an origin leaves room (`model.zone.MAX_ORIGIN`).
"""


def group_names(hostname: DomainName) -> tuple[DomainName, DomainName, DomainName]:
    """Return the names that a group answers for: its hostname, then one for each side."""
    wire = hostname.wire
    return hostname, DomainName(PRIMARY_LABEL + wire), DomainName(BACKUP_LABEL + wire)


@dataclass(frozen=True, slots=True)
class Tombstone(Entity):
    """A label retired for ever, because customers' CNAMEs may still point at it."""

    zone: DomainName
    label: str
    group: str
    """Name that the group had when it was removed."""

    @property
    def identity(self) -> tuple[DomainName, str]:
        """The zone and the label."""
        return self.zone, self.label
