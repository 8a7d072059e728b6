"""A small CA that issues valid and deliberately faulty certificates for servers and clients."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = 86400.0


def make_key(kind: str) -> Any:
    """Generate a private key of a kind: ec256, ed25519, ed448, rsa2048, rsa1024, ..."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curves = {
        "ec224": ec.SECP224R1(),
        "ec256": ec.SECP256R1(),
        "ec384": ec.SECP384R1(),
        "ec521": ec.SECP521R1(),
    }
    return ec.generate_private_key(curves[kind])


cached_key = lru_cache(maxsize=64)(lambda kind, number: make_key(kind))
"""Return the same key for the same kind and number, because RSA keys are slow to generate."""


@dataclass(frozen=True)
class Issued:
    """A certificate and its intermediates (PEM, without the root), with the private key."""

    certificate: x509.Certificate
    chain: str
    key: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 fingerprint of the leaf certificate, in hex."""
        return self.certificate.fingerprint(SHA256()).hex()

    @property
    def leaf(self) -> str:
        """The leaf certificate alone, as PEM."""
        return pem(self.certificate)

    def save(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write the chain to `NAME.pem` and the key to `NAME.key`; return both paths."""
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_text(self.chain)
        key.write_text(self.key)
        key.chmod(0o600)
        return chain, key


@dataclass
class Authority:
    """A CA, which is a root without a parent.  `ca=False` makes one that may not issue."""

    name: str = "Test Root"
    parent: Authority | None = None
    key_type: str = "ec256"
    digest: HashAlgorithm | None = field(default_factory=SHA256)
    ca: bool = True
    starts: float = -DAY
    lasts: float = 3650 * DAY
    usage: Sequence[x509.ObjectIdentifier] = ()

    def __post_init__(self) -> None:
        """Generate the key and sign the certificate of this CA."""
        self.key = cached_key(self.key_type, self.name)
        self.subject = _name(self.name)
        issuer = self.parent or self
        builder = _builder(self.subject, issuer, self.key, self.starts, self.lasts)
        builder = builder.add_extension(x509.BasicConstraints(ca=self.ca, path_length=None), True)
        if self.usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.usage), False)
        self.certificate = builder.sign(issuer.key, issuer.digest)

    @property
    def pem(self) -> str:
        """The CA's own certificate, as PEM."""
        return pem(self.certificate)

    def issue(
        self,
        *names: str | x509.GeneralName,
        key_type: str = "ec256",
        key: Any = None,
        starts: float = -DAY,
        lasts: float = 90 * DAY,
        subject: str = "",
        ca: bool | None = None,
        usage: Sequence[x509.ObjectIdentifier] = (),
        common_name: str | None = None,
    ) -> Issued:
        """Issue a certificate that begins `starts` seconds from now and lasts `lasts` seconds."""
        private = key or make_key(key_type)
        builder = _builder(_name(common_name or subject), self, private, starts, lasts)
        if names:
            general = x509.SubjectAlternativeName([_general(name) for name in names])
            builder = builder.add_extension(general, not (common_name or subject))
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), False)
        certificate = builder.sign(self.key, self.digest)
        return Issued(certificate, pem(certificate) + self.intermediates(), key_pem(private))

    def issue_client(self, *names: str) -> Issued:
        """Issue a certificate for a TLS client."""
        return self.issue(*names, usage=[ExtendedKeyUsageOID.CLIENT_AUTH])

    def intermediates(self) -> str:
        """Return the certificates from this CA up to the root, without the root, as PEM."""
        return "" if self.parent is None else self.pem + self.parent.intermediates()

    def certify(
        self,
        request: x509.CertificateSigningRequest,
        lasts: float = 90 * DAY,
        starts: float = -3600,
    ) -> str:
        """Issue the certificate that a signing request asks for; return its chain as PEM."""
        builder = _builder(request.subject, self, None, starts, lasts, request.public_key())
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        certificate = builder.sign(self.key, self.digest)
        return pem(certificate) + self.intermediates()


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    """Return a private key as unencrypted PEM."""
    text: bytes = key.private_bytes(Encoding.PEM, form, NoEncryption())
    return text.decode()


def _builder(
    subject: x509.Name, issuer: Authority, key: Any, starts: float, lasts: float, public: Any = None
) -> x509.CertificateBuilder:
    begin = time.time() + starts
    public = public or key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(int(begin), UTC))
        .not_valid_after(datetime.fromtimestamp(int(begin + lasts), UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False
        )
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _general(name: str | x509.GeneralName) -> x509.GeneralName:
    if isinstance(name, x509.GeneralName):
        return name
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def make_authority(name: str = "Test Root") -> Authority:
    """Return an intermediate CA that a new root has signed."""
    return Authority(f"{name} Intermediate", Authority(name))
