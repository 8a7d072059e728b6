"""TLS clients without sockets, for the listener that web heads connect to."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from authority import Authority, Issued, make_authority
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from failoverdns.net.arrivals import Admits, Door
from failoverdns.net.tls import TlsContext, TlsFiles

HEADS = Authority("Web Heads")
SHOWN = HEADS.issue_client("web1.internal")


class Greeting(Protocol):
    """A protocol that greets every admitted client."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Send the bytes back."""
        self.transport.write(b"hello " + data)  # type: ignore[union-attr]


class Wire(StringTransport):
    """A TCP connection that records how it was closed."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, 1))
        self.aborted = False

    def abortConnection(self) -> None:  # noqa: N802
        """Close the connection at once."""
        self.aborted = True


class Endpoint:
    """A TLS endpoint and its files."""

    def __init__(self, folder: Path, admits: Admits = lambda chain, address: True) -> None:
        self.folder = folder
        self.clock = Clock()
        self.spent = self.cost = 0.0
        """Seconds on the clock that measures handshakes, and what each look at it takes."""
        self.root = make_authority("Endpoint")
        assert self.root.parent is not None
        self.ca = self.root.parent.pem
        self.root.issue("endpoint.internal").save(folder, "endpoint")
        (folder / "heads.pem").write_text(HEADS.pem)
        self.context = TlsContext(self.files())
        greeting = Factory.forProtocol(Greeting)
        self.door = Door(self.context, greeting, self.clock, admits, self._look)

    def files(self) -> TlsFiles:
        """Return the paths of the files."""
        names = ("endpoint.pem", "endpoint.key", "heads.pem")
        return TlsFiles("delivery", *[self.folder / name for name in names])

    def connect(self, host: str = "127.0.0.1") -> Connection | None:
        """Open a connection; return None if it is refused."""
        protocol = self.door.buildProtocol(IPv4Address("TCP", host, 1))
        return Connection(self, protocol, host) if protocol is not None else None

    def wait(self, host: str = "127.0.0.1") -> Connection:
        """Open a connection that is expected to get a place, and send nothing."""
        connection = self.connect(host)
        assert connection is not None
        return connection

    def enter(
        self, shown: Issued | None = SHOWN, host: str = "127.0.0.1", **more: Any
    ) -> Connection:
        """Open a connection that is expected to get a place, and complete the handshake."""
        connection = self.wait(host)
        connection.shake_hands(shown, **more)
        return connection

    def _look(self) -> float:
        self.spent += self.cost
        return self.spent


class Connection:
    """A client that uses the TLS of the standard library."""

    def __init__(self, endpoint: Endpoint, protocol: Any, host: str) -> None:
        self.endpoint = endpoint
        self.wire = Wire(host)
        self.protocol = protocol
        protocol.makeConnection(self.wire)

    @property
    def is_gone(self) -> bool:
        """Whether the server has closed the connection."""
        return self.wire.aborted or self.wire.disconnecting

    def send(self, data: bytes) -> bytes:
        """Send bytes below TLS; return what the server sends."""
        if data and not self.is_gone:
            self.protocol.dataReceived(data)
        self.endpoint.clock.advance(0)
        sent = self.wire.value()
        self.wire.clear()
        return sent

    def hello(
        self, shown: Issued | None = SHOWN, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> bytes:
        """Begin a handshake; return the ClientHello, which is not sent."""
        context = ssl.create_default_context(cadata=self.endpoint.ca)
        context.maximum_version = newest
        if shown is not None:
            shown.save(self.endpoint.folder, "shown")
            folder = self.endpoint.folder
            context.load_cert_chain(folder / "shown.pem", folder / "shown.key")
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname="endpoint.internal")
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._out.read()

    def shake_hands(
        self, shown: Issued | None = SHOWN, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> None:
        """Complete the handshake, and deliver its last part to the server."""
        hello = self.hello(shown, newest)
        self._in.write(self.send(hello))
        for _ in range(5):
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()
        self._exchange()

    def say(self, data: bytes) -> bytes:
        """Send bytes and return the reply."""
        self.tls.write(data)
        self._exchange()
        return self.tls.read(100)

    def leave(self) -> None:
        """Close the connection."""
        self.protocol.connectionLost(None)

    def _exchange(self) -> None:
        self._in.write(self.send(self._out.read()))
