"""Listen with TLS 1.3 for clients that show a certificate.

Refuses to know what is served, and which client may have what.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from failoverdns.config import ListenAddress
from failoverdns.net.sockets import CannotListen


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: our own chain and key, and who signs client certificates."""

    certificate: Path
    key: Path
    client_ca: Path


class _Context:
    """What Twisted asks for the context of each connection."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def getContext(self) -> SSL.Context:  # noqa: N802
        """Return the context."""
        return self._context


def listen_tls(
    reactor: Any, addresses: Iterable[ListenAddress], files: TlsFiles, factory: Any
) -> list[IListeningPort]:
    """Listen at every address, or at none.

    Raises CannotListen for files that cannot be used, and addresses that cannot be bound.
    """
    context = _Context(_context(files))
    ports: list[IListeningPort] = []
    for address in addresses:
        try:
            ports.append(
                reactor.listenSSL(address.port, factory, context, interface=str(address.host))
            )
        except CannotListenError as fault:
            for port in ports:
                port.stopListening()
            raise CannotListen(f"delivery.listen: {address}: {fault.socketError}") from None
    return ports


def _context(files: TlsFiles) -> SSL.Context:
    """Make a context of TLS 1.3 and later, which wants a certificate that `client_ca` signed."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_passwd_cb(lambda *_: b"")  # a key with a passphrase is refused, not asked about
    steps = (
        ("delivery.certificate", files.certificate, context.use_certificate_chain_file),
        ("delivery.key", files.key, context.use_privatekey_file),
        ("delivery.client_ca", files.client_ca, context.load_verify_locations),
    )
    for name, path, load in steps:
        try:
            path.open("rb").close()
            load(str(path))
        except OSError as fault:
            raise CannotListen(f"{name}: {path}: {fault.strerror}") from None
        except SSL.Error:
            raise CannotListen(f"{name}: {path} is not what it should be, in PEM") from None
    try:
        context.check_privatekey()
    except SSL.Error:
        raise CannotListen(
            f"delivery.key: {files.key} does not belong to {files.certificate}"
        ) from None
    flags = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT | SSL.VERIFY_CLIENT_ONCE
    context.set_verify(flags, None)
    return context
