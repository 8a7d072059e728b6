"""The context of TLS connections that a server of ours accepts: versions, ciphers, protocol.

TLS 1.2 and 1.3 are spoken with forward secrecy.  Renegotiation, compression and resumption of
sessions are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from OpenSSL import SSL

from failoverdns.net.tls_material import TLSMaterial

_CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""Those of TLS 1.2 with forward secrecy; those of TLS 1.3 all have it (RFC 9325 section 4.2)."""


def server_context(material: TLSMaterial, protocol: bytes) -> SSL.Context:
    """Return a context with a certificate and key, and a protocol that is chosen by ALPN.

    A client that does not offer the protocol (RFC 7301) is answered, too, without any.  Raises
    ValueError, TypeError, UnsupportedAlgorithm or SSL.Error for what TLS cannot be spoken with.
    """
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

    def chosen(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
        return protocol if protocol in offered else SSL.NO_OVERLAPPING_PROTOCOLS

    context.set_alpn_select_callback(chosen)
    return context
