"""Client certificates that are revoked: by their fingerprint, or in the list (CRL) of a CA.

A list that has expired is still used: it names certificates that are revoked for good, and a CA
that cannot publish for a night must not keep every web head out.  `Revocation.warnings` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256

from failoverdns.model.errors import Malformed
from failoverdns.model.printable import printable
from failoverdns.pki.peer_certificates import FINGERPRINT

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_UNDERSTOOD = (x509.CRLNumber, x509.AuthorityKeyIdentifier, x509.IssuerAlternativeName)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list of a CA: the serial numbers of its revoked certificates.

    `until` is when the CA publishes the next one, in seconds since 1970; None if it says nothing.
    """

    issuer: x509.Name
    serials: frozenset[int]
    until: float | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is revoked: fingerprints (`sha256:` and hex digits), and the lists of CAs.

    `without_list` are the CAs that have no list, if there are lists.
    """

    fingerprints: frozenset[str] = frozenset()
    lists: tuple[RevocationList, ...] = ()
    without_list: tuple[x509.Name, ...] = ()

    def reason(self, chain: Sequence[x509.Certificate]) -> str | None:
        """Return why a client may not connect, from its chain; None if nothing is revoked."""
        for certificate in chain:
            fingerprint = FINGERPRINT + certificate.fingerprint(SHA256()).hex()
            if fingerprint in self.fingerprints:
                return f"{fingerprint} is revoked by the configuration"
            for found in self.lists:
                number = certificate.serial_number
                if certificate.issuer == found.issuer and number in found.serials:
                    return f"{fingerprint} is revoked by its CA, with the serial number {number:X}"
        return None

    def warnings(self, now: float) -> list[str]:
        """Return what an operator should know of the lists; `now` in seconds since 1970."""
        return [
            *(
                f"the CRL of {_text(found.issuer)} has expired: it is still used, without what the "
                "CA has revoked since"
                for found in self.lists
                if found.until is not None and found.until < now
            ),
            *(
                f"there is no CRL of {_text(name)}, so its certificates are in none"
                for name in self.without_list
            ),
        ]


def read_lists(
    data: bytes, authorities: Sequence[x509.Certificate]
) -> tuple[tuple[RevocationList, ...], tuple[x509.Name, ...]]:
    """Return the lists in a PEM file, and the CAs of `authorities` that have none.

    Raises Malformed if a list is not a complete one that one of `authorities` has signed.
    """
    blocks = _BLOCK.findall(data)
    if not blocks:
        raise Malformed("no CRL in PEM; `openssl crl -inform DER` converts one")
    lists = tuple(_read(block, authorities) for block in blocks)
    issuers = {found.issuer for found in lists}
    names = dict.fromkeys(authority.subject for authority in authorities)
    return lists, tuple(name for name in names if name not in issuers)


def _read(block: bytes, authorities: Iterable[x509.Certificate]) -> RevocationList:
    try:
        found = x509.load_pem_x509_crl(block)
        extensions = list(found.extensions)
        serials = frozenset(entry.serial_number for entry in found)
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        raise Malformed("a CRL that cannot be read") from None
    name = _text(found.issuer)
    named = [authority for authority in authorities if authority.subject == found.issuer]
    if not named:
        raise Malformed(f"the CRL of {name}, which is not a CA in delivery.client_ca")
    if not any(_has_signed(authority, found) for authority in named):
        raise Malformed(
            f"the CRL of {name} is not signed by the CA of that name in delivery.client_ca"
        )
    for extension in extensions:
        if not _is_understood(extension):
            raise Malformed(
                f"the CRL of {name} is not a complete one: it has "
                f"{extension.oid.dotted_string}; ask the CA for a complete CRL"
            )
    until = found.next_update_utc
    return RevocationList(found.issuer, serials, until.timestamp() if until is not None else None)


def _has_signed(authority: x509.Certificate, found: x509.CertificateRevocationList) -> bool:
    try:
        return found.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def _is_understood(extension: x509.Extension[x509.ExtensionType]) -> bool:
    """Return whether an extension leaves a list complete (RFC 5280 section 5.2)."""
    value = extension.value
    if isinstance(value, x509.DeltaCRLIndicator):
        return False
    if isinstance(value, x509.IssuingDistributionPoint):
        return not (
            value.only_contains_ca_certs
            or value.only_contains_attribute_certs
            or value.indirect_crl
            or value.only_some_reasons
        )
    return not extension.critical or isinstance(value, _UNDERSTOOD)


def _text(name: x509.Name) -> str:
    return printable(name.rfc4514_string()) or "a CA without a name"
