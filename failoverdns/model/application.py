"""Applications and their heads: the places that traffic can go to.

Which head is the web head is a rule: see `failoverdns.rules.derived.web_heads`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final

from failoverdns.model.entity import Entity
from failoverdns.model.health import Forced, Observed, Quorum
from failoverdns.model.names import DomainName


class HeadRole(Enum):
    """The two roles that a head of an application can have."""

    LOAD_BALANCER = "load-balancer"
    WEB_SERVER = "web-server"


@dataclass(frozen=True, slots=True)
class Head:
    """A load balancer or web server: addresses, or a hostname (may be a template).

    With neither, its hostname comes from the application's template.
    `name` is one DNS label in lower case, unique within the application.
    `observed` is the health that probes found; None before the first result and without checks.
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
    `active` names the active load balancer; None if there is none.
    `checks` are names of checks.  `require_checks` is how many of them must pass for a head to be
    up, `require_heads` how many web heads must be up for the application to be up.
    `emptied_at` is when it lost its last web head, None while it has one and if it never had one.
    `unchecked_at` is when it came to have web heads and no check, None if that was not recorded.
    Both are in steady seconds (`model.health`).
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
    emptied_at: float | None = None
    unchecked_at: float | None = None

    @property
    def identity(self) -> str:
        """The id."""
        return self.id

    def head(self, name: str) -> Head | None:
        """Return the head with this name, or None."""
        for head in self.heads:
            if head.name == name:
                return head
        return None

    def with_head(self, old: Head, new: Head) -> Application:
        """Return a copy of the application in which the head `old` is replaced by `new`."""
        return replace(self, heads=tuple(new if head is old else head for head in self.heads))


class ApplicationRole(Enum):
    """Whether an application is active in a group; the value of `_status` records and events."""

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
    """A target that is a hostname, answered as CNAME."""

    name: DomainName


@dataclass(frozen=True, slots=True)
class Nothing:
    """No target: the name is reserved and answers NODATA."""


Target = Addresses | Hostname | Nothing


_THIS_NETWORK: Final = IPv4Network("0.0.0.0/8")
"""Addresses that no packet can be sent to (RFC 1122 section 3.2.1.3)."""


def why_no_target(address: IPv4Address | IPv6Address) -> str | None:
    """Return why no client can connect to an address that DNS gives it, or None if it can.

    Private and loopback addresses are right in some networks.
    """
    if address.is_unspecified or address.is_multicast:
        return "not the address of a host"
    if isinstance(address, IPv4Address):
        if address in _THIS_NETWORK or address == IPv4Address("255.255.255.255"):
            return "not the address of a host"
    elif address.ipv4_mapped is not None:
        return f"an IPv4 address in the form of an IPv6 one: write {address.ipv4_mapped}"
    elif address.is_link_local:
        return "of one link only: clients would have to know which, and DNS cannot say it"
    return None


def target_texts(target: Target) -> list[str]:
    """Return the addresses of a target, or its hostname, as texts; an empty list for no target."""
    match target:
        case Addresses(ipv4, ipv6):
            return [str(address) for address in (*ipv4, *ipv6)]
        case Hostname(name):
            return [name.to_text()]
        case Nothing():
            return []
