"""Changes as values: what a command wrote, who gave it, and how it alters what DNS serves."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName
from failoverdns.model.principal import Principal
from failoverdns.model.records import OwnedRRset, RRset

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Write:
    """An entity before and after a change; None before is a creation, None after a deletion."""

    before: Entity | None
    after: Entity | None

    @property
    def is_fleeting(self) -> bool:
        """True for an entity that is neither stored nor part of the history."""
        entity = self.after or self.before
        return entity is not None and not entity.IS_STORED


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What the history shows of a committed command; `time` in seconds since 1970.

    `command` is the request as given.  `changed` describes its effect, with old and new values.
    `subjects` are the ids and group names by which the history can be searched for it.
    """

    revision: int
    time: float
    principal: Principal
    command: Mapping[str, Json]
    changed: tuple[Mapping[str, Json], ...]
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change(HistoryEntry):
    """A committed command: its entry of the history, and the entities that it wrote."""

    writes: tuple[Write, ...]

    @property
    def entry(self) -> HistoryEntry:
        """Return the entry of the history, which does not have the entities."""
        return HistoryEntry(
            self.revision, self.time, self.principal, self.command, self.changed, self.subjects
        )


EVERYBODY: Final = ""
"""The principal of an operation that belongs to all of them."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The reply to a command with an `op_id`, stored so that a retry gets the same reply.

    It belongs to a principal (`Principal.key`); the same `op_id` of another one stands for another
    command.  Version 0.1.0 did not store the principal; such an operation belongs to all of them.
    `time` is that of the command, in seconds since 1970; `kept` says for how many seconds it is
    needed, None for as long as a store keeps operations.  A store does not return these two.
    """

    op_id: str
    request: str
    revision: int
    result: Mapping[str, Json]
    time: float = field(default=0.0, compare=False)
    principal: str = EVERYBODY
    kept: float | None = field(default=None, compare=False)


class Node(NamedTuple):
    """The RRsets that are served at one name; without any the name is reserved (NODATA).

    `negative_ttl` (seconds) is how long a resolver may cache that a type does not exist here.
    A named tuple, because the server makes a million of them when it starts: each takes 0.3 us,
    and a frozen dataclass 0.7 us.
    """

    owner: DomainName
    zone: DomainName
    rrsets: tuple[RRset, ...]
    negative_ttl: int


@dataclass(frozen=True, slots=True)
class StaticDifference:
    """How the static records of new zones differ from those in use, as bytes of a delta.

    `removed` and `served` are operations in parts (`protocol.table.deltas`).  `own_names` are names
    of changed zones, each with the origin, that have more than static records: they are left out.
    `names` is the number of names that differ.  `unchecked` are names that were published since the
    comparison began: they may have got a group.  `again` sets the static records of such names in a
    table that was filled meanwhile.  `hidden` are warnings of names that the records hide.
    """

    removed: tuple[bytes, ...]
    served: tuple[bytes, ...]
    own_names: frozenset[tuple[DomainName, DomainName]]
    names: int
    unchecked: Set[DomainName]
    again: bytes = b""
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """The difference that one change makes to the served records, applied as a whole.

    `nodes` are new or replaced, and `removed` are names that are no longer served.  `authorities`
    are the SOA RRsets of the changed zones.  The zones in `dropped` are removed first, with all
    their names.  `static` is the difference of static records, which was written beforehand; its
    names are not among the others.
    """

    nodes: tuple[Node, ...] = ()
    removed: tuple[DomainName, ...] = ()
    authorities: tuple[OwnedRRset, ...] = ()
    dropped: tuple[DomainName, ...] = ()
    static: StaticDifference | None = None
