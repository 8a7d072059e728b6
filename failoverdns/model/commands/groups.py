"""Commands about failover groups, and about switching them."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.group import Side
from failoverdns.model.names import DomainName


@dataclass(frozen=True, slots=True)
class AddGroup:
    """`group add`; without `zone` the only one, without `label` nine random digits."""

    name: str
    zone: DomainName | None = None
    label: str | None = None
    primary: str | None = None
    backup: str | None = None
    ttl: int | None = None
    flatten: bool = False
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class SetGroup:
    """`group set`."""

    name: str
    primary: str | None = None
    backup: str | None = None
    ttl: int | None = None
    override: tuple[str, ...] = ()
    flatten: bool | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class RenameGroup:
    """`group rename`: the hostname stays."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RemoveGroup:
    """`group remove`: its label is retired for ever."""

    name: str


@dataclass(frozen=True, slots=True)
class ListGroups:
    """`group list`."""


@dataclass(frozen=True, slots=True)
class Switch:
    """`switch`: without `to`, each group to its other side; all of them or none.

    With `at` (seconds since 1970) it is planned, with the TTL lowered to `pre_ttl` beforehand.
    """

    groups: tuple[str, ...]
    to: Side | None = None
    if_revision: int | None = None
    override: tuple[str, ...] = ()
    dry_run: bool = False
    reason: str | None = None
    at: float | None = None
    pre_ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Preflight:
    """`preflight`: would a switch of this group go well?"""

    group: str
    to: Side | None = None


@dataclass(frozen=True, slots=True)
class Explain:
    """`explain`: why a group answers what it does, and what would change that."""

    group: str


@dataclass(frozen=True, slots=True)
class Rehearse:
    """`rehearse`: what a switch would change."""

    group: str
    to: Side | None = None
    override: tuple[str, ...] = ()
