"""The addresses of flattened hostnames, as the configured resolvers last answered.

`Resolved` is stored; `Freshness` is not, because it means nothing after a restart.
The hostnames are resolved in `failoverdns.resolving`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName

MAX_ADDRESSES = 100
"""The largest number of addresses of each family; more are left out, to fit into a packet."""


@dataclass(frozen=True, slots=True)
class Resolved(Entity):
    """The last good answer for a hostname: at least one address, each family sorted.

    `since` (seconds since 1970) is when the resolvers first returned these addresses.
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
    """How fresh the last good answer for a hostname is.

    `ttl` (seconds) is the TTL that it is served with.  `checked_at` (seconds since 1970) is when
    the resolvers last confirmed it, None if not since the start.  `problem` says why the last
    attempt failed, None if it did not.
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
    """The answer of the resolvers for a hostname; a family is None if its lookup failed.

    `ttl` in seconds; `problem` says what went wrong, None if nothing did.
    """

    ipv4: tuple[IPv4Address, ...] | None
    ipv6: tuple[IPv6Address, ...] | None
    ttl: int
    problem: str | None = None

    @property
    def is_good(self) -> bool:
        """True if the answer has an address."""
        return bool(self.ipv4 or self.ipv6)


class ChallengeSight(Enum):
    """What resolvers see at the name where a CA looks for a challenge."""

    THERE = "there"
    """The value that the CA expects."""
    MISSING = "missing"
    """No CNAME record, and not the value."""
    ELSEWHERE = "elsewhere"
    """A CNAME record that leads to a name where the value is not."""
    UNKNOWN = "unknown"
    """Nothing certain: no answer, or the name is delegated to other servers."""


@dataclass(frozen=True, slots=True)
class SeenChallenge:
    """What resolvers see of a challenge.

    `target` is where the CNAME records lead, and `wildcard` the name of the wildcard that they
    come from; None if they come from none, or if there are no such records.  `detail` says who
    answered, or why there is no answer.
    """

    sight: ChallengeSight
    detail: str
    target: DomainName | None = None
    wildcard: DomainName | None = None
