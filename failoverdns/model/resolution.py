"""What the hostnames of flattened groups resolve to, as configured resolvers last told.

`Resolved` outlives a restart; `Freshness` does not, because it is of no use after one.
Refuses to know who resolves, and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName

MAX_ADDRESSES = 100
"""Of each family; more are left out: an answer should fit into a packet."""


@dataclass(frozen=True, slots=True)
class Resolved(Entity):
    """The last good answer about a hostname: at least one address, each family in order.

    `since` (seconds since 1970) is when these addresses were first told.
    """

    hostname: DomainName
    ipv4: tuple[IPv4Address, ...]
    ipv6: tuple[IPv6Address, ...]
    since: float

    @property
    def identity(self) -> DomainName:
        """The hostname."""
        return self.hostname


@dataclass(frozen=True, slots=True)
class Freshness(Entity):
    """How good the last good answer still is.

    `ttl` in seconds is what it is served with; `checked_at` (seconds since 1970) is when it was
    last told, None if not since the start; `problem` says why it could not be told again.
    """

    IS_STORED: ClassVar[bool] = False

    hostname: DomainName
    ttl: int
    checked_at: float | None
    problem: str | None = None

    @property
    def identity(self) -> DomainName:
        """The hostname."""
        return self.hostname


@dataclass(frozen=True, slots=True)
class Answer:
    """What the resolvers told of a hostname; None for a family of which they told nothing certain.

    `ttl` in seconds; `problem` says what went wrong, None if nothing did.
    """

    ipv4: tuple[IPv4Address, ...] | None
    ipv6: tuple[IPv6Address, ...] | None
    ttl: int
    problem: str | None = None

    @property
    def is_good(self) -> bool:
        """True if there is an address in it."""
        return bool(self.ipv4 or self.ipv6)
