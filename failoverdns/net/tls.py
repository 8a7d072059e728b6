"""TLS 1.3 listeners for clients with a certificate, with limits on the number of connections.

Connections without a certificate cannot keep clients out, and no client can keep out the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IHandshakeListener, IListeningPort, IOpenSSLContextFactory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from failoverdns.model.errors import Malformed
from failoverdns.model.settings import ListenAddress
from failoverdns.net.sockets import CannotListen
from failoverdns.regular_files import require_regular
from failoverdns.secret_files import read_secret

MAX_CONNECTIONS: Final = 250
"""Connections at a time, so that file descriptors are left for DNS and the control socket."""

MAX_STRANGERS: Final = 100
"""Connections at a time that have shown no certificate yet; a further one replaces the oldest."""

MAX_OF_ONE: Final = 100
"""Connections at a time with the same client certificate."""

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


@implementer(IHandshakeListener)
class Client(ProtocolWrapper):
    """A connection above TLS; its client is unknown until the handshake is complete."""

    factory: TlsClients
    fingerprint: str | None = None
    """SHA-256 of the client certificate, in hex."""
    is_leaving = False

    def handshakeCompleted(self) -> None:  # noqa: N802
        """Note the client certificate, and close the connection if the client has too many."""
        transport: Any = self.transport
        certificate = transport.getPeerCertificate()
        self.fingerprint = certificate.digest("sha256").decode()
        if self.factory.count(self.fingerprint) > MAX_OF_ONE:
            self.leave()

    def leave(self) -> None:
        """Close the connection at once."""
        self.is_leaving = True
        transport: Any = self.transport
        transport.abortConnection()


class TlsClients(WrappingFactory):
    """All TLS connections, the oldest first."""

    protocol = Client
    noisy = False
    protocols: dict[Client, int]

    def count(self, fingerprint: str | None) -> int:
        """Return the number of connections with a certificate; None for those without one yet."""
        return sum(1 for c in self.protocols if c.fingerprint == fingerprint and not c.is_leaving)

    def make_room(self) -> bool:
        """Return whether there is room for a new connection.

        If there are too many without a certificate, the oldest of them is closed.
        """
        if len(self.protocols) >= MAX_CONNECTIONS:
            return False
        if self.count(None) >= MAX_STRANGERS:
            next(c for c in self.protocols if c.fingerprint is None and not c.is_leaving).leave()
        return True


class BoundedTls(TLSMemoryBIOFactory):
    """TLS for a limited number of connections, because each takes a file descriptor."""

    noisy = False

    def __init__(self, context: TlsContext, factory: Any, clock: Any) -> None:
        """Serve the protocols of `factory` above TLS with the files of `context`."""
        self.clients = TlsClients(factory)  # type: ignore[no-untyped-call]
        super().__init__(context, False, self.clients, clock)

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Return the protocol of a new connection, or None to close it."""
        return super().buildProtocol(addr) if self.clients.make_room() else None


def listen_tls(
    reactor: Any,
    addresses: Iterable[ListenAddress],
    context: TlsContext,
    factory: Any,
    *,
    setting: str,
) -> list[IListeningPort]:
    """Listen on every address, or on none; raises CannotListen.

    `setting` is the configuration key of the addresses, for messages.
    """
    bounded = BoundedTls(context, factory, reactor)
    ports: list[IListeningPort] = []
    for address in addresses:
        try:
            ports.append(reactor.listenTCP(address.port, bounded, interface=str(address.host)))
        except CannotListenError as fault:
            for port in ports:
                port.stopListening()
            raise CannotListen(f"{setting}: {address}: {fault.socketError}") from None
    return ports


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
