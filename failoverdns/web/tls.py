"""TLS for HTTP clients: TLS 1.2 and 1.3, forward secrecy, and HTTP/1.1 by ALPN.

The context is made of what the control process sends, and can be replaced: connections that are
open keep theirs.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from failoverdns.model.errors import Malformed
from failoverdns.net.tls_context import server_context
from failoverdns.net.tls_material import TLSMaterial

ALPN: Final = b"http/1.1"
"""The protocol (RFC 7301 section 6)."""


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
            self._context = server_context(material, ALPN) if material is not None else None
        except (ValueError, TypeError, UnsupportedAlgorithm, SSL.Error) as fault:
            raise Malformed(f"TLS cannot be spoken with it: {fault}") from None

    def getContext(self) -> SSL.Context:  # noqa: N802
        """Return the context of a new connection, for Twisted, once there is one."""
        assert self._context is not None
        return self._context
