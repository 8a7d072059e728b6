"""Commands about certificates.

As in `model.commands`, which these are part of.
"""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.certificate import Bundle, Facts
from failoverdns.model.names import DomainName


@dataclass(frozen=True, slots=True)
class InstallCertificate:
    """`certificate install`: a chain and its key, read and found sound."""

    application: str
    bundle: Bundle
    facts: Facts


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
class RemoveCertificate:
    """`certificate remove`: the certificate, its key, and what is ordered."""

    application: str


@dataclass(frozen=True, slots=True)
class ShowCertificate:
    """`certificate show`."""

    application: str


@dataclass(frozen=True, slots=True)
class ListCertificates:
    """`certificate list`."""


@dataclass(frozen=True, slots=True)
class ChallengeName:
    """`certificate challenge-name`: where `_acme-challenge` of a customer's name is to point."""

    name: str
    zone: DomainName | None = None


@dataclass(frozen=True, slots=True)
class RotateKey:
    """`certificate rotate-key`: encrypt every private key anew, with a new key file."""
