"""TLS 1.3 for clients with a certificate: the files of a listener, read and checked.

`arrivals` lets the connections in; nothing of a connection is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from failoverdns.model.errors import Malformed
from failoverdns.net.sockets import CannotListen
from failoverdns.regular_files import require_regular
from failoverdns.secret_files import read_secret

_CHAIN, _KEY = "a certificate chain", "a private key without a passphrase"
_AUTHORITY = "the certificate of a CA"
_MAX_KEY = 65536


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: our own chain and key, and the CA of client certificates.

    `setting` is the section of the configuration that has them, for messages.
    """

    setting: str
    certificate: Path
    key: Path
    client_ca: Path


@implementer(IOpenSSLContextFactory)
class TlsContext:
    """The certificates and settings of TLS connections, which can be replaced by others."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; raises CannotListen for a file that cannot be used."""
        self._context = _context(files)

    def getContext(self) -> SSL.Context:  # noqa: N802
        """Return the context of a new connection, for Twisted."""
        return self._context

    def adopt(self, other: TlsContext) -> None:
        """Use the files that `other` has read for new connections from now on."""
        self._context = other._context

    def trusts(self, chain: Sequence[Certificate]) -> bool:
        """Return whether a chain (leaf first) that was verified before would be verified now."""
        leaf, *others = [crypto.X509.from_cryptography(certificate) for certificate in chain]
        store = self._context.get_cert_store()
        if store is None:
            return False
        try:
            crypto.X509StoreContext(store, leaf, others).verify_certificate()
        except crypto.X509StoreContextError:
            return False
        return True


def _context(files: TlsFiles) -> SSL.Context:
    """Return a context for TLS 1.3 and later that requires a certificate signed by `client_ca`."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    keys: list[Any] = []
    steps = (
        ("certificate", _CHAIN, files.certificate, context.use_certificate_chain_file),
        ("key", _KEY, files.key, lambda path: keys.append(_key(path))),
        ("client_ca", _AUTHORITY, files.client_ca, context.load_verify_locations),
    )
    for name, content, path, load in steps:
        try:
            require_regular(path)  # for its error, which OpenSSL does not report
            load(str(path))
        except OSError as fault:
            raise CannotListen(f"{files.setting}.{name}: {path}: {fault.strerror}") from None
        except Malformed as fault:
            raise CannotListen(f"{files.setting}.{name}: {path}: {fault}") from None
        except (SSL.Error, ValueError, TypeError, UnsupportedAlgorithm):
            raise CannotListen(
                f"{files.setting}.{name}: {path} does not contain {content} in PEM"
            ) from None
    try:
        context.use_privatekey(keys[0])
        context.check_privatekey()
    except SSL.Error:
        raise CannotListen(
            f"{files.setting}.key: {files.key} does not belong to {files.certificate}"
        ) from None
    flags = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT | SSL.VERIFY_CLIENT_ONCE
    context.set_verify(flags, None)
    return context


def _key(path: str) -> Any:
    """Read a private key; one with a passphrase raises TypeError, without a prompt."""
    return load_pem_private_key(read_secret(Path(path), _MAX_KEY), None)
