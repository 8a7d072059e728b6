"""Applications and their heads: the places that traffic can go to.

Refuses to know which head is the web head: that is a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from failoverdns.model.entity import Entity
from failoverdns.model.health import Forced, Observed, Quorum
from failoverdns.model.names import DomainName


class HeadRole(Enum):
    """What a head is to its application."""

    LOAD_BALANCER = "load-balancer"
    WEB_SERVER = "web-server"


@dataclass(frozen=True, slots=True)
class Head:
    """A load balancer or web server: addresses, or a hostname (may be a template).

    With neither, its hostname comes from the application's template.
    `name` is one DNS label in lower case, unique within the application.
    `observed` is what probing says of it; None if nothing yet, or no check is asked for.
    """

    name: str
    role: HeadRole
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    hostname: str | None = None
    observed: Observed | None = None
    forced: Forced | None = None


@dataclass(frozen=True, slots=True)
class Application(Entity):
    """One deployment of a service.

    `id` never changes, `name` (one DNS label in lower case, unique) may.
    `heads` are in the order in which they were added.
    `active` names the active load balancer; None if none was made active.
    `checks` are names of checks that its heads have to pass: so many of them as `require_checks`
    says for a head to be up, and so many web heads as `require_heads` says for the application.
    """

    id: str
    name: str
    hostname_template: str | None = None
    heads: tuple[Head, ...] = ()
    active: str | None = None
    checks: tuple[str, ...] = ()
    require_checks: Quorum = "all"
    require_heads: Quorum = "any"
    forced: Forced | None = None

    @property
    def identity(self) -> str:
        """The id."""
        return self.id

    def head(self, name: str) -> Head | None:
        """Return the head of that name, or None."""
        for head in self.heads:
            if head.name == name:
                return head
        return None

    def with_head(self, old: Head, new: Head) -> Application:
        """Return the application with `new` in the place of `old`, one of its heads."""
        return replace(self, heads=tuple(new if head is old else head for head in self.heads))


class ApplicationRole(Enum):
    """What an application is to the groups that it belongs to, as `_status` and events say it."""

    ONLINE = "online"
    OFFLINE = "offline"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Addresses:
    """A target of IPv4 and/or IPv6 addresses: at least one."""

    ipv4: tuple[IPv4Address, ...]
    ipv6: tuple[IPv6Address, ...]


@dataclass(frozen=True, slots=True)
class Hostname:
    """A target that is itself a name, answered as CNAME."""

    name: DomainName


@dataclass(frozen=True, slots=True)
class Nothing:
    """No target: the name is reserved and answers NODATA."""


Target = Addresses | Hostname | Nothing


def target_texts(target: Target) -> list[str]:
    """Return a target as texts: its addresses, or its hostname, or nothing."""
    match target:
        case Addresses(ipv4, ipv6):
            return [str(address) for address in (*ipv4, *ipv6)]
        case Hostname(name):
            return [name.to_text()]
        case Nothing():
            return []
