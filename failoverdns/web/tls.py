"""TLS for HTTP clients: TLS 1.2 and 1.3, forward secrecy, and HTTP/1.1 by ALPN.

The context is made of what the control process sends, and can be replaced: connections that are
open keep theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from failoverdns.model.errors import Malformed
from failoverdns.net.tls_material import TLSMaterial

ALPN: Final = b"http/1.1"
"""The protocol (RFC 7301 section 6)."""

_CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""Those of TLS 1.2 with forward secrecy; those of TLS 1.3 all have it (RFC 9325 section 4.2)."""


@implementer(IOpenSSLContextFactory)
class WebContext:
    """The certificate and the settings of TLS connections."""

    def __init__(self) -> None:
        """Prepare; there is no certificate before `adopt`."""
        self._context: SSL.Context | None = None

    @property
    def is_ready(self) -> bool:
        """Whether there is a certificate."""
        return self._context is not None

    def adopt(self, material: TLSMaterial | None) -> None:
        """Use a certificate and key for new connections from now on.

        Raises Malformed for what TLS cannot be spoken with; then the one before is used on.
        """
        try:
            self._context = _context(material) if material is not None else None
        except (ValueError, TypeError, UnsupportedAlgorithm, SSL.Error) as fault:
            raise Malformed(f"TLS cannot be spoken with it: {fault}") from None

    def getContext(self) -> SSL.Context:  # noqa: N802
        """Return the context of a new connection, for Twisted, once there is one."""
        assert self._context is not None
        return self._context


def _context(material: TLSMaterial) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(
        SSL.OP_NO_TICKET
        | SSL.OP_NO_COMPRESSION
        | SSL.OP_NO_RENEGOTIATION
        | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    leaf, *others = load_pem_x509_certificates(material.certificate)
    context.use_certificate(leaf)
    for certificate in others:
        context.add_extra_chain_cert(certificate)
    key: Any = load_pem_private_key(material.key, None)
    context.use_privatekey(key)
    context.check_privatekey()
    context.set_alpn_select_callback(_chosen)
    return context


def _chosen(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """Choose the protocol of a connection; a client that offers only others gets HTTP/1.1, too."""
    return ALPN if ALPN in offered else SSL.NO_OVERLAPPING_PROTOCOLS
