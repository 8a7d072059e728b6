"""Commands about the records that are stored in the state, beside those of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import Mutation, ReadCommand
from failoverdns.model.names import DomainName


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record as an operator wrote it; `ttl` is None where the zone's default is meant.

    `data` is in canonical form (RFC 4034 section 6.2).  `is_cut` says that a semicolon cut its text
    off, `target` is the name that it leads to if that seems to lack the dot at its end, and
    `address` is an address that was written where the name of a host belongs.
    """

    owner: DomainName
    rtype: int
    ttl: int | None
    data: bytes
    is_cut: bool = False
    target: DomainName | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class StoreRecords(Mutation):
    """`record add`: store records in a zone, all of them or none."""

    zone: DomainName
    records: tuple[NewRecord, ...]
    if_revision: int | None = None
    dry_run: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveRecords(Mutation):
    """`record remove`: remove all stored records at a name, those of a type, or one (`data`)."""

    zone: DomainName
    owner: DomainName
    rtype: int | None = None
    data: bytes | None = None
    if_revision: int | None = None
    dry_run: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ListRecords(ReadCommand):
    """`record list`: the stored records of a zone, or of all zones."""

    zone: DomainName | None = None
