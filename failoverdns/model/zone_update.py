"""What a dynamic update of a zone asks for, as values (RFC 2136).

    prerequisites, all of which must hold   ->   instructions, all of which are carried out, or none

Record data is in canonical form (RFC 4034 section 6.2), in which it is compared and stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode


class Condition(Enum):
    """What a prerequisite demands (RFC 2136 section 2.4)."""

    NAME_IN_USE = "the name has records"
    NAME_NOT_IN_USE = "the name has no records"
    RRSET_EXISTS = "the name has records of this type"
    RRSET_ABSENT = "the name has no records of this type"
    RRSET_IS = "the records of this name and type are exactly these"


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """A condition that must hold before a zone is updated.

    `rtype` is 0 for a condition on a name.  `data` is that of one record for `RRSET_IS`: all
    prerequisites of this kind with the same name and type belong together.
    """

    condition: Condition
    owner: DomainName
    rtype: int = 0
    data: bytes = b""


class Action(Enum):
    """What an instruction does (RFC 2136 section 2.5)."""

    ADD = "add"
    DELETE_RECORD = "delete record"
    DELETE_RRSET = "delete RRset"
    DELETE_NAME = "delete name"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One change of a zone: add a record, or delete a record, an RRset, or all records of a name.

    `rtype` is 0 for a name; `ttl` (seconds) counts for an addition only; `data` is empty for an
    RRset and a name.
    """

    action: Action
    owner: DomainName
    rtype: int = 0
    ttl: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class ZoneUpdate:
    """An update of the zone with this origin, with everything in the order of the message."""

    zone: DomainName
    prerequisites: tuple[Prerequisite, ...] = ()
    instructions: tuple[Instruction, ...] = ()


class NotUpdated(Rejected):
    """A dynamic update was refused, and nothing was changed.

    `rcode` is that of the reply, `message` is for people.
    """

    def __init__(self, rcode: Rcode, message: str) -> None:
        super().__init__("refused", message)
        self.rcode = rcode
