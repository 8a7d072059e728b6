"""The identities of TLS clients, read from their certificates.

TLS has verified a certificate before it gets here.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

FINGERPRINT = "sha256:"


def identities(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names of a certificate in lower case, then its fingerprint.

    The fingerprint is `sha256:` and 64 hex digits.  A common name is not an identity (RFC 9525
    section 2).  If the names cannot be read, only the fingerprint is returned.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        names = []
    fingerprint = FINGERPRINT + certificate.fingerprint(SHA256()).hex()
    return (*dict.fromkeys(name.lower().rstrip(".") for name in names), fingerprint)
