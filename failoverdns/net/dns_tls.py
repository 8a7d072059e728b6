"""TLS for DNS clients (RFC 7858, RFC 8310): the server's files, and contexts made of their content.

Whoever may open files reads and checks them (`read_material`) and sends the content to the process
that has the connections, which makes a context of it (`DNSContext`) and opens no file.

TLS 1.2 and 1.3 are spoken, and the protocol `dot` of ALPN.  A client need not show a certificate;
if there is a CA for clients, one that is shown must be signed by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import (
    Certificate,
    DNSName,
    DuplicateExtension,
    ExtensionNotFound,
    SubjectAlternativeName,
    load_pem_x509_certificates,
)
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from failoverdns.model.errors import Malformed
from failoverdns.net.sockets import CannotListen
from failoverdns.net.tls_context import server_context
from failoverdns.net.tls_material import PEMFiles, TLSMaterial
from failoverdns.regular_files import open_regular
from failoverdns.secret_files import read_secret

ALPN: Final = b"dot"
"""The protocol of DNS over TLS (RFC 7858 section 3.1, RFC 9103 section 7.1)."""

MAX_FILE: Final = 262144
"""Bytes of a file with certificates; a key may have a quarter of that."""


def read_material(files: PEMFiles) -> TLSMaterial:
    """Read the files of a configuration, and check that TLS can be spoken with them.

    Raises CannotListen with the setting, the file and what is wrong with it.
    """
    certificate = _read(f"{files.section}.certificate", files.certificate)
    try:
        key = read_secret(files.key, MAX_FILE // 4)
    except OSError as fault:
        raise CannotListen(f"{files.section}.key: {files.key}: {fault.strerror}") from None
    except Malformed as fault:
        raise CannotListen(f"{files.section}.key: {files.key}: {fault}") from None
    authority = _read(f"{files.section}.client_ca", files.client_ca) if files.client_ca else None
    material = TLSMaterial(certificate, key, authority)
    _check(material, files)
    return material


def names_of(material: TLSMaterial) -> tuple[str, ...]:
    """Return the DNS names of the certificate, in lower case; none if they cannot be read."""
    leaf = load_pem_x509_certificates(material.certificate)[0]
    try:
        extension = leaf.extensions.get_extension_for_class(SubjectAlternativeName)
        names = extension.value.get_values_for_type(DNSName)
    except (ExtensionNotFound, DuplicateExtension, ValueError):
        return ()
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names))


def unusual(material: TLSMaterial, files: PEMFiles, now: float) -> list[str]:
    """Return what is unusual in material that can be used, a line each, for the log.

    `now` is in seconds since 1970.
    """
    leaf, at = load_pem_x509_certificates(material.certificate)[0], datetime.fromtimestamp(now, UTC)
    where = f"{files.section}.certificate: {files.certificate}"
    if at > leaf.not_valid_after_utc:
        return [f"{where} has expired on {leaf.not_valid_after_utc:%Y-%m-%d}: clients refuse it"]
    if at < leaf.not_valid_before_utc:
        return [f"{where} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} on: clients refuse it"]
    return []


@implementer(IOpenSSLContextFactory)
class DNSContext:
    """The certificates and settings of TLS connections with DNS clients."""

    def __init__(self, material: TLSMaterial) -> None:
        """Make a context of checked material; raises ValueError or SSL.Error for other."""
        self._context = _context(material)

    def getContext(self) -> SSL.Context:  # noqa: N802
        """Return the context of a new connection, for Twisted."""
        return self._context

    def trusts(self, chain: Sequence[Certificate]) -> bool:
        """Return True: a client that is connected may stay, whatever it has shown."""
        return True

    def adopt(self, other: DNSContext) -> None:
        """Use the material of `other` for new connections from now on."""
        self._context = other._context


def may_transfer(connection: SSL.Connection) -> bool:
    """Return whether zones may be transferred over a connection: TLS 1.3, and ALPN `dot`.

    RFC 9103 sections 7.1 and 7.4.
    """
    version = connection.get_protocol_version()
    return version >= SSL.TLS1_3_VERSION and connection.get_alpn_proto_negotiated() == ALPN


def has_certificate(connection: SSL.Connection) -> bool:
    """Return whether the client has shown a certificate, which was verified then."""
    return connection.get_peer_certificate(as_cryptography=True) is not None


def _read(setting: str, path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            content = file.read(MAX_FILE + 1)
    except OSError as fault:
        raise CannotListen(f"{setting}: {path}: {fault.strerror}") from None
    except Malformed as fault:
        raise CannotListen(f"{setting}: {path}: {fault}") from None
    if len(content) > MAX_FILE:
        raise CannotListen(f"{setting}: {path}: larger than {MAX_FILE} bytes")
    return content


def _check(material: TLSMaterial, files: PEMFiles) -> None:
    """Raise CannotListen for material that TLS cannot be spoken with."""
    steps: list[tuple[str, Path, str, Any]] = [
        (
            "certificate",
            files.certificate,
            "a certificate chain",
            lambda: load_pem_x509_certificates(material.certificate),
        ),
        ("key", files.key, "a private key without a passphrase", lambda: _key(material)),
    ]
    if files.client_ca is not None and material.client_ca is not None:
        authority = material.client_ca
        load = lambda: load_pem_x509_certificates(authority)  # noqa: E731
        steps.append(("client_ca", files.client_ca, "the certificate of a CA", load))
    for setting, path, content, read in steps:
        try:
            read()
        except (ValueError, TypeError, UnsupportedAlgorithm):
            text = f"{files.section}.{setting}: {path} does not contain {content} in PEM"
            raise CannotListen(text) from None
    try:
        _context(material)
    except SSL.Error as fault:
        if _is_mismatch(material):
            text = f"{files.section}.key: {files.key} does not belong to {files.certificate}"
            raise CannotListen(text) from None
        where = f"{files.section}.certificate: {files.certificate}"
        raise CannotListen(f"{where}: OpenSSL refuses it: {_reason(fault)}") from None


def _context(material: TLSMaterial) -> SSL.Context:
    context = server_context(material, ALPN)
    if material.client_ca is not None:
        authorities = load_pem_x509_certificates(material.client_ca)
        store = context.get_cert_store()
        assert store is not None
        for authority in authorities:
            store.add_cert(crypto.X509.from_cryptography(authority))
            context.add_client_ca(authority)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_CLIENT_ONCE, None)
    return context


def _key(material: TLSMaterial) -> Any:
    return load_pem_private_key(material.key, None)


def _is_mismatch(material: TLSMaterial) -> bool:
    """Return whether the key is another one than that of the certificate."""
    leaf: Certificate = load_pem_x509_certificates(material.certificate)[0]
    return bool(leaf.public_key() != _key(material).public_key())


def _reason(fault: SSL.Error) -> str:
    reasons = fault.args[0] if fault.args else ()
    return ", ".join(str(reason[-1]) for reason in reasons) or "for an unknown reason"
