"""Failover groups, their sides, and the tombstones that deleted groups leave behind.

What a side resolves to is a rule: see `failoverdns.rules.derived.serving`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION, Automation

DEFAULT_TTL = 60
MAX_TTL = 86400

APEX_LABEL = "@"
"""The label of a group whose hostname is the origin of its zone, as zone files write the origin."""


class Side(Enum):
    """A side of a group: the place of its primary or of its backup application."""

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
    With `flatten`, a target that is a hostname is answered as the addresses that it resolves to;
    a group at the apex of its zone always has it, because no CNAME record is allowed there.
    `cached_until` and `drained_at` are in seconds since 1970: when the last answer with an earlier,
    longer TTL expires in caches, and when the last answer with the side before the last switch
    does.
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
        """The TTL of the group's answers in seconds, which is lowered before a planned switch."""
        plan = self.automation.plan
        if plan is None or plan.lowered_at is None:
            return self.ttl
        return min(plan.pre_ttl, self.ttl)

    @property
    def is_apex(self) -> bool:
        """True if the hostname is the origin of the zone."""
        return self.label == APEX_LABEL

    @property
    def hostname(self) -> DomainName:
        """The failover hostname: the label, followed by the zone's origin; or that origin."""
        return DomainName(self.hostname_wire)

    @property
    def hostname_wire(self) -> bytes:
        """The failover hostname in wire form."""
        if self.label == APEX_LABEL:
            return self.zone.wire
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
"""The labels, in wire form, before a group's hostname in the names of its two sides.

No such name is too long, because `model.zone.MAX_ORIGIN` leaves room for the label.
"""


SIDE_LABELS = tuple(side.value for side in Side)
"""The same labels as text."""


def group_names(hostname: DomainName) -> tuple[DomainName, DomainName, DomainName]:
    """Return the names that a group answers for: its hostname, then one for each side."""
    wire = hostname.wire
    return hostname, DomainName(PRIMARY_LABEL + wire), DomainName(BACKUP_LABEL + wire)


@dataclass(frozen=True, slots=True)
class Tombstone(Entity):
    """A label that is never used again, because customers' CNAMEs may still point at it."""

    zone: DomainName
    label: str
    group: str
    """Name that the group had when it was removed."""

    @property
    def identity(self) -> tuple[DomainName, str]:
        """The zone and the label."""
        return self.zone, self.label
