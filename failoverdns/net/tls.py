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
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from failoverdns.config import ListenAddress
from failoverdns.net.sockets import CannotListen

MAX_CONNECTIONS = 400
"""Connections at a time, shown certificate or not."""

MAX_FROM_ONE = 100
"""Connections of one address at a time."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: our own chain and key, and who signs client certificates."""

    certificate: Path
    key: Path
    client_ca: Path


class TlsContext:
    """What connections are made with: another one holds for those that come after it."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; raises CannotListen for those that cannot be used."""
        self._context = _context(files)

    def getContext(self) -> SSL.Context:  # noqa: N802
        """Return the context, as Twisted asks for it at each connection."""
        return self._context

    def adopt(self, other: TlsContext) -> None:
        """Use from now on what another one has read."""
        self._context = other._context


class BoundedFactory(WrappingFactory):
    """Refuses connections beyond `MAX_CONNECTIONS`, or `MAX_FROM_ONE` of one address.

    Whoever is not known yet costs a file descriptor, and DNS needs these.
    """

    noisy = False

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Return a protocol, or None, which closes the connection."""
        hosts = [protocol.getPeer().host for protocol in self.protocols]
        if len(hosts) >= MAX_CONNECTIONS or hosts.count(addr.host) >= MAX_FROM_ONE:
            return None
        return super().buildProtocol(addr)


def listen_tls(
    reactor: Any, addresses: Iterable[ListenAddress], context: TlsContext, factory: Any
) -> list[IListeningPort]:
    """Listen at every address, or at none; raises CannotListen."""
    as_twisted_wants_it: Any = context
    secured: Any = TLSMemoryBIOFactory(as_twisted_wants_it, False, factory)
    bounded = BoundedFactory(secured)  # type: ignore[no-untyped-call]
    ports: list[IListeningPort] = []
    for address in addresses:
        try:
            ports.append(reactor.listenTCP(address.port, bounded, interface=str(address.host)))
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
