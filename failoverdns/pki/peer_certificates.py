"""Whom a client's certificate is known by.

Refuses to know who may do what, and whether the certificate is to be trusted: TLS has seen to that.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

FINGERPRINT = "sha256:"


def identities(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names of a certificate in lower case, then its fingerprint.

    The fingerprint is `sha256:` and 64 hex digits.  A common name is no identity (RFC 9525
    section 2); what cannot be read counts as no name.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        names = []
    fingerprint = FINGERPRINT + certificate.fingerprint(SHA256()).hex()
    return (*dict.fromkeys(name.lower().rstrip(".") for name in names), fingerprint)
