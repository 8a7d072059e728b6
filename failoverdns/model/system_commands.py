"""Commands of the system's own: what it learned, and what is due, for the change corridor.

Nobody can send them; history shows them like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.certificate import Account, Bundle, Challenge, Facts
from failoverdns.model.errors import RuleFailure
from failoverdns.model.health import Observed
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_TERMS, Terms
from failoverdns.model.resolution import Answer
from failoverdns.model.zone import Zone


@dataclass(frozen=True, slots=True)
class Configure:
    """The system's own: serve exactly these zones, on these terms (at start and on reload)."""

    zones: tuple[Zone, ...]
    terms: Terms = NO_TERMS


@dataclass(frozen=True, slots=True)
class LearnHealth:
    """The system's own: what probing says by now of heads (by name) of an application (by id)."""

    application: str
    heads: tuple[tuple[str, Observed], ...]


@dataclass(frozen=True, slots=True)
class ForgetHealth:
    """The system's own, at a start: nothing is known until it is probed again."""


@dataclass(frozen=True, slots=True)
class Automate:
    """The system's own: do for a group (by id) what its policy says.

    `objections` are the rules that programs outside enforce, and that are against it.
    """

    group: str
    objections: tuple[RuleFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class AdvancePlan:
    """The system's own: do for a group (by id) what its planned switch asks for by now.

    `objections` as in `Automate`.
    """

    group: str
    objections: tuple[RuleFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """The system's own: keep an account at an ACME directory, and its key."""

    account: Account
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """The system's own: an order (by id) is placed at the CA, with this key.

    `account` is the URI of the one that placed it.
    """

    order: str
    url: str
    bundle: Bundle
    account: str


@dataclass(frozen=True, slots=True)
class SetChallenges:
    """The system's own: serve these values for an order (by id)."""

    order: str
    challenges: tuple[Challenge, ...]


@dataclass(frozen=True, slots=True)
class FailOrder:
    """The system's own: an attempt at an order (by id) failed.

    `retry_after` is what the CA asked for, in seconds.  `is_final` if what was placed at the CA
    will never come to anything.
    """

    order: str
    problem: str
    retry_after: float | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """The system's own: the CA issued what an order (by id) asked for."""

    order: str
    bundle: Bundle
    facts: Facts


@dataclass(frozen=True, slots=True)
class LearnAnswer:
    """The system's own: what resolvers told of a hostname; `ttl` (seconds) is what to serve."""

    hostname: DomainName
    answer: Answer
    ttl: int


@dataclass(frozen=True, slots=True)
class ForgetAnswers:
    """The system's own: let go of what is known of these hostnames, if no group needs it."""

    hostnames: tuple[DomainName, ...]
