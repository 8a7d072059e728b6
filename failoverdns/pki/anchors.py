"""Trust anchors: the root CAs that clients are known to trust, looked up by name and key.

They are the CAs of this machine, and those that the configuration names for checks.  No other
client has exactly these, so a chain that leads to none of them is a reason to warn, and never to
refuse.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_KIND = rb"-----%b (?:X509 |TRUSTED )?CERTIFICATE-----"
_BLOCK = re.compile(_KIND % b"BEGIN" + rb"[^-]*" + _KIND % b"END")


@dataclass(frozen=True, slots=True)
class Anchors:
    """Trusted certificates, by their subject."""

    by_subject: Mapping[bytes, tuple[x509.Certificate, ...]] = field(default_factory=dict)

    def same(self, certificate: x509.Certificate, now: float | None) -> x509.Certificate | None:
        """Return the anchor with the name and key of a certificate, which it may replace.

        That is the certificate itself, or the root that a cross-signed certificate stands for.
        An anchor that is not valid `now` (seconds since 1970) does not count; with None any does.
        """
        found = self._valid(certificate.subject, now)
        return next((a for a in found if _key(a) == _key(certificate)), None)

    def issuer(self, certificate: x509.Certificate, now: float | None) -> x509.Certificate | None:
        """Return the anchor that issued a certificate, by name and signature; as `same`."""
        return next(
            (a for a in self._valid(certificate.issuer, now) if is_issued_by(certificate, a)), None
        )

    def _valid(self, subject: x509.Name, now: float | None) -> list[x509.Certificate]:
        """Return the anchors of a name that are valid, those that end last first."""
        found = [
            anchor
            for anchor in self.by_subject.get(subject.public_bytes(), ())
            if now is None or begins(anchor) <= now < ends(anchor)
        ]
        return sorted(found, key=ends, reverse=True)


NO_ANCHORS = Anchors()


def read_anchors(files: Iterable[bytes]) -> Anchors:
    """Return the certificates of PEM files as anchors; those that cannot be read are left out."""
    found: dict[bytes, dict[x509.Certificate, None]] = {}
    blocks = [block for data in files for block in _BLOCK.findall(data)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some old roots have a serial number of zero
        for block in blocks:
            try:
                certificate = x509.load_pem_x509_certificate(block)
                certificate.public_key()
                subject = certificate.subject.public_bytes()
                ends(certificate)
            except Exception:  # the library may raise anything for the bytes of a file
                continue
            found.setdefault(subject, {})[certificate] = None
    return Anchors({subject: tuple(certificates) for subject, certificates in found.items()})


@lru_cache(maxsize=2048)
def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether `issuer` issued `certificate`, by issuer name and signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # a signature that is wrong, or that the library cannot read
        return False
    return True


def begins(certificate: x509.Certificate) -> float:
    """Return from when on a certificate is valid, in seconds since 1970."""
    return certificate.not_valid_before_utc.timestamp()


def ends(certificate: x509.Certificate) -> float:
    """Return until when a certificate is valid, in seconds since 1970."""
    return certificate.not_valid_after_utc.timestamp()


def _key(certificate: x509.Certificate) -> bytes:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form)
