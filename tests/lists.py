"""Lists of revoked certificates (CRLs), valid and faulty ones, of a small CA."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from authority import DAY, Authority, Issued
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


def crl(
    authority: Authority,
    revoked: Iterable[Issued | x509.Certificate] = (),
    *,
    signed_by: Authority | None = None,
    lasts: float = DAY,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> str:
    """Return a list as PEM, made ten days ago and valid for `lasts` seconds from now."""
    now = int(time.time())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(datetime.fromtimestamp(now - 10 * DAY, UTC))
        .next_update(datetime.fromtimestamp(now + lasts, UTC))
    )
    for one in revoked:
        certificate = one.certificate if isinstance(one, Issued) else one
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(datetime.fromtimestamp(now - 3600, UTC))
            .build()
        )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    signer = signed_by or authority
    return builder.sign(signer.key, signer.digest).public_bytes(Encoding.PEM).decode()
