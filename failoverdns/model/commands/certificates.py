"""Commands about certificates, and internal commands about orders at a CA."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.certificate import Account, Bundle, Challenge, Facts
from failoverdns.model.commands.kinds import Action, Mutation, ReadCommand
from failoverdns.model.names import DomainName


@dataclass(frozen=True, slots=True)
class InstallCertificate(Mutation):
    """`certificate install`: install a chain and its key, which are already read.

    `faults` are the reasons why clients refuse the chain at present.
    """

    application: str
    bundle: Bundle
    facts: Facts
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShowCertificate(ReadCommand):
    """`certificate show`."""

    application: str


@dataclass(frozen=True, slots=True)
class ListCertificates(ReadCommand):
    """`certificate list`."""


@dataclass(frozen=True, slots=True)
class RemoveCertificate(Mutation):
    """`certificate remove`: remove a certificate, its key and its order."""

    application: str


@dataclass(frozen=True, slots=True)
class RequestCertificate(Mutation):
    """`certificate request`: order a certificate; without `name`, for the application's groups.

    With `again`, also if there is a certificate for these names that is not due for renewal.
    The server gives this command itself when a certificate is due for renewal.
    """

    application: str
    name: tuple[str, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class ChallengeName(ReadCommand):
    """`certificate challenge-name`: the CNAME target for `_acme-challenge` of a customer's name."""

    name: str
    zone: DomainName | None = None


@dataclass(frozen=True, slots=True)
class RotateKey(Action):
    """`certificate rotate-key`: encrypt all private keys with a new key file."""


@dataclass(frozen=True, slots=True)
class OpenAccount(Mutation):
    """Internal command: store an account at an ACME directory, and its key."""

    account: Account
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class PlaceOrder(Mutation):
    """Internal command: record that an order (by id) is placed at the CA, with this key.

    `account` is the URI of the account that placed it.
    """

    order: str
    url: str
    bundle: Bundle
    account: str


@dataclass(frozen=True, slots=True)
class SetChallenges(Mutation):
    """Internal command: serve these challenges for an order (by id)."""

    order: str
    challenges: tuple[Challenge, ...]


@dataclass(frozen=True, slots=True)
class FailOrder(Mutation):
    """Internal command: record that an attempt at an order (by id) failed.

    `retry_after` is the wait in seconds that the CA asked for.  `is_final` is true if the order at
    the CA can no longer succeed.
    """

    order: str
    problem: str
    retry_after: float | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class IssueCertificate(Mutation):
    """Internal command: store the certificate that the CA issued for an order (by id)."""

    order: str
    bundle: Bundle
    facts: Facts
