"""Commands about applications and their heads."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from failoverdns.model.application import HeadRole
from failoverdns.model.commands.kinds import Mutation, ReadCommand
from failoverdns.model.health import Quorum


@dataclass(frozen=True, slots=True)
class AddApplication(Mutation):
    """`application add`."""

    name: str
    hostname_template: str | None = None


@dataclass(frozen=True, slots=True)
class RenameApplication(Mutation):
    """`application rename`."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class SetApplication(Mutation):
    """`application set`: set its checks and its hostname template; None changes nothing.

    An empty tuple removes the checks, and an empty text the template.
    """

    name: str
    check: tuple[str, ...] | None = None
    require_checks: Quorum | None = None
    require_heads: Quorum | None = None
    hostname_template: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveApplication(Mutation):
    """`application remove`."""

    name: str


@dataclass(frozen=True, slots=True)
class ListApplications(ReadCommand):
    """`application list`."""


@dataclass(frozen=True, slots=True)
class AddHead(Mutation):
    """`head add`: a new load balancer becomes the active one unless it is on standby."""

    application: str
    name: str
    role: HeadRole
    address: tuple[IPv4Address | IPv6Address, ...] = ()
    hostname: str | None = None
    standby: bool = False


@dataclass(frozen=True, slots=True)
class SetHead(Mutation):
    """`head set`: replace addresses or hostname."""

    application: str
    name: str
    address: tuple[IPv4Address | IPv6Address, ...] = ()
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class RenameHead(Mutation):
    """`head rename`."""

    application: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ActivateHead(Mutation):
    """`head activate`: make a load balancer the active one."""

    application: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoveHead(Mutation):
    """`head remove`."""

    application: str
    name: str
    override: tuple[str, ...] = ()
    dry_run: bool = False
    reason: str | None = None
