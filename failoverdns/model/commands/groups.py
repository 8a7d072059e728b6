"""Commands about failover groups, and about switching them."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import Mutation, ReadCommand
from failoverdns.model.group import Side
from failoverdns.model.names import DomainName


@dataclass(frozen=True, slots=True)
class AddGroup(Mutation):
    """`group add`; `zone` defaults to the only zone, `label` to nine random digits.

    The label `@` stands for the origin of the zone, where `flatten` is always true.  `active` is
    the side that the group begins on.
    """

    name: str
    zone: DomainName | None = None
    label: str | None = None
    primary: str | None = None
    backup: str | None = None
    ttl: int | None = None
    flatten: bool | None = None
    policy: str | None = None
    active: Side = Side.PRIMARY


@dataclass(frozen=True, slots=True)
class SetGroup(Mutation):
    """`group set`."""

    name: str
    primary: str | None = None
    backup: str | None = None
    ttl: int | None = None
    override: tuple[str, ...] = ()
    flatten: bool | None = None
    policy: str | None = None
    dry_run: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RenameGroup(Mutation):
    """`group rename`: change the name of a group; its hostname stays the same."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RemoveGroup(Mutation):
    """`group remove`: remove a group; its label is never used again."""

    name: str


@dataclass(frozen=True, slots=True)
class ListGroups(ReadCommand):
    """`group list`."""


@dataclass(frozen=True, slots=True)
class Switch(Mutation):
    """`switch`: switch groups, all of them or none; without `to`, each to its other side.

    With `at` (seconds since 1970) the switch is planned, and the TTL is lowered to `pre_ttl`
    beforehand.  With `wait_secondaries` the reply waits, for this many seconds at most, until the
    secondaries of the groups' zones serve the new answers.
    """

    groups: tuple[str, ...]
    to: Side | None = None
    if_revision: int | None = None
    override: tuple[str, ...] = ()
    dry_run: bool = False
    reason: str | None = None
    at: float | None = None
    pre_ttl: int | None = None
    wait_secondaries: int | None = None


@dataclass(frozen=True, slots=True)
class Preflight(ReadCommand):
    """`preflight`: check whether a switch of this group would succeed."""

    group: str
    to: Side | None = None


@dataclass(frozen=True, slots=True)
class Explain(ReadCommand):
    """`explain`: explain what a group answers, why, and what would switch it."""

    group: str


@dataclass(frozen=True, slots=True)
class Rehearse(ReadCommand):
    """`rehearse`: show what a switch would change."""

    group: str
    to: Side | None = None
    override: tuple[str, ...] = ()
