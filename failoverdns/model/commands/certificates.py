"""Commands about certificates, those of the system's own for orders at a CA among them."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.certificate import Account, Bundle, Challenge, Facts
from failoverdns.model.names import DomainName


@dataclass(frozen=True, slots=True)
class InstallCertificate:
    """`certificate install`: a chain and its key, read and found sound."""

    application: str
    bundle: Bundle
    facts: Facts


@dataclass(frozen=True, slots=True)
class ShowCertificate:
    """`certificate show`."""

    application: str


@dataclass(frozen=True, slots=True)
class ListCertificates:
    """`certificate list`."""


@dataclass(frozen=True, slots=True)
class RemoveCertificate:
    """`certificate remove`: the certificate, its key, and what is ordered."""

    application: str


@dataclass(frozen=True, slots=True)
class RequestCertificate:
    """`certificate request`: have one issued; without names for the application's groups.

    With `again` also in place of one that was issued for these names and is not due.
    The system's own, too: when a certificate is due for renewal.
    """

    application: str
    name: tuple[str, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class ChallengeName:
    """`certificate challenge-name`: where `_acme-challenge` of a customer's name is to point."""

    name: str
    zone: DomainName | None = None


@dataclass(frozen=True, slots=True)
class RotateKey:
    """`certificate rotate-key`: encrypt every private key anew, with a new key file."""


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
