"""TLS connections from their arrival until their client has shown a valid certificate.

Until then a connection may use little, and whoever opens many competes with itself first:

    it arrives       places in all, by network and address   -> another one gives way
    it is silent     no TLS is begun                         -> closed after `FIRST_BYTES_TIME`
    it sends         a ClientHello, or it is closed; it waits for its turn, and for the time budget
    it shakes hands  the time it takes is charged            -> closed after `HANDSHAKE_TIME`
    it is a client   known from now on; it has a place among the clients, by certificate

Clients with a certificate have places of their own, so nobody without one can take them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import randrange
from typing import Any, Final
from typing import Protocol as Interface

from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from failoverdns.net.budgets import ArrivalLimit
from failoverdns.net.client_hello import is_whole, may_be_hello
from failoverdns.net.handshakes import Handshakes
from failoverdns.net.places import KnownOrigins, Origin, Places
from failoverdns.net.prefixes import address_of, prefix_of

MAX_CLIENTS: Final = 250
"""Connections at a time of clients with a certificate."""

MAX_OF_ONE: Final = 100
"""Connections at a time with the same client certificate."""

MAX_NEWCOMERS: Final = 400
"""Connections at a time that have not shown a certificate yet."""

KNOWN_PLACES: Final = 20
"""Places of these that a known network, or a known address, has before it competes with others."""

FIRST_BYTES_TIME: Final = 5
"""Seconds that a new connection has for its first message."""

HANDSHAKE_TIME: Final = 10
"""Seconds from the first message to the end of the handshake."""

SWEEP: Final = 0.5
"""Seconds between two looks for connections that have used up their time."""

_SILENT, _HELLO = b"silent", b"hello"
"""The last step of the origin of a new connection, before and after its ClientHello."""

Admits = Callable[[Sequence[Certificate], str], bool]
"""Returns whether a client may stay, from its verified chain (leaf first) and its address."""


class Context(Interface):
    """The certificates and settings of TLS connections."""

    def getContext(self) -> SSL.Context:  # noqa: N802
        """Return the context of a new connection, for Twisted."""

    def trusts(self, chain: Sequence[Certificate]) -> bool:
        """Return whether a chain (leaf first) that was verified before would be verified now."""


@implementer(IHandshakeListener)
class Client(ProtocolWrapper):
    """A connection above TLS, whose protocol begins once its client has shown a certificate."""

    fingerprint: bytes = b""
    """SHA-256 of the client certificate; empty before there is one."""
    chain: Sequence[Certificate] = ()
    """The verified chain of the client, leaf first."""

    def __init__(self, door: Door, arrival: Arrival) -> None:
        """Prepare; `arrival` is the connection below TLS."""
        super().__init__(door, None)  # type: ignore[arg-type]
        self._door = door
        self.arrival = arrival

    def makeConnection(self, transport: Any) -> None:  # noqa: N802
        """Note the TLS connection; the protocol above it begins later."""
        directlyProvides(self, providedBy(transport))
        Protocol.makeConnection(self, transport)  # type: ignore[no-untyped-call]

    def handshakeCompleted(self) -> None:  # noqa: N802
        """Note the client certificate, and begin the protocol if the client gets a place."""
        transport: Any = self.transport
        shown = transport.getHandle().get_verified_chain() or ()
        self.chain = [certificate.to_cryptography() for certificate in shown]
        digest = transport.getPeerCertificate().digest("sha256").decode()
        self.fingerprint = bytes.fromhex(digest.replace(":", ""))
        if self._door.welcome(self):
            self.wrappedProtocol = self._door.protocols.buildProtocol(transport.getPeer())
            self.wrappedProtocol.makeConnection(self)  # type: ignore[arg-type]
        else:
            self.leave()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Pass the end on to the protocol, if it has begun."""
        self._door.clients.leave(self)
        wrapped, self.wrappedProtocol = self.wrappedProtocol, None  # type: ignore[assignment]
        if wrapped is not None:
            wrapped.connectionLost(reason)

    def leave(self) -> None:
        """Close the connection at once."""
        self._door.clients.leave(self)
        transport: Any = self.transport
        transport.abortConnection()


class Arrival(Protocol):
    """A connection below TLS.  TLS begins with the whole first record of its ClientHello."""

    def __init__(self, door: Door, origin: Origin, *, is_known: bool) -> None:
        """Prepare; `is_known` if the address showed a valid certificate lately."""
        self._door = door
        self.origin = origin
        self.is_known = is_known
        self._received = b""
        self._has_said_hello = False
        self._tls: TLSMemoryBIOProtocol | None = None
        self.deadline: float | None = None
        """When the connection is closed, on the clock of the door; None once it is a client's."""

    def connectionMade(self) -> None:  # noqa: N802
        """Take a place."""
        self.deadline = self._door.clock.seconds() + FIRST_BYTES_TIME
        self._door.enter(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Pass the data on to TLS, once that has begun."""
        if self._tls is None:
            self._received += data
            if not may_be_hello(self._received):
                self.leave()
            elif is_whole(self._received) and not self._has_said_hello:
                self._has_said_hello = True
                self._door.move_on(self)
        elif self.deadline is None:
            self._tls.dataReceived(data)  # type: ignore[no-untyped-call]
        else:
            self._door.handshakes.charge(self, self._shake_hands, data)

    def begin(self) -> None:
        """Begin TLS: it is this connection's turn."""
        self.deadline = self._door.clock.seconds() + HANDSHAKE_TIME
        self._tls = self._door.tls(self._door.client(self))
        received, self._received = self._received, b""
        self._tls.makeConnection(self.transport)  # type: ignore[no-untyped-call]
        self._shake_hands(received)

    def _shake_hands(self, data: bytes) -> None:
        """Pass data of the handshake on to TLS."""
        try:
            if self._tls is not None:
                self._tls.dataReceived(data)  # type: ignore[no-untyped-call]
        except IndexError:  # Twisted stumbles over a client that closes TLS in its handshake
            self.leave()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Give the place back."""
        self._door.forget(self)
        if self._tls is not None:
            self._tls.connectionLost(reason)  # type: ignore[no-untyped-call]

    def leave(self) -> None:
        """Close the connection at once."""
        self._door.forget(self)
        transport: Any = self.transport
        transport.abortConnection()


class Door(Factory):
    """Lets connections in: their places, their turns, and what they have used."""

    noisy = False

    def __init__(
        self,
        context: Context,
        protocols: Any,
        clock: Any,
        admits: Admits = lambda chain, address: True,
        spent: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Serve `protocols` above TLS with the files of `context`.

        `admits` is asked about every valid certificate; `spent` is the clock that measures
        handshakes.
        """
        self.protocols = protocols
        self.clock = clock
        self.known = KnownOrigins()
        self.clients: Places[Client] = Places(MAX_CLIENTS, randrange)
        self.newcomers: Places[Arrival] = Places(MAX_NEWCOMERS, randrange, self._free_places)
        self._context = context
        self._admits = admits
        self.handshakes = Handshakes(clock, spent)
        contexts: Any = context
        self._tls = TLSMemoryBIOFactory(contexts, False, self, clock)
        self._limit = ArrivalLimit()
        self._sweep: IDelayedCall | None = None

    def buildProtocol(self, addr: Any) -> Arrival | None:  # noqa: N802
        """Return the protocol of a new connection, or None to close it."""
        origin = prefix_of(addr.host), address_of(addr.host)
        now = self.clock.seconds()
        is_known = self.known.has(origin[1], now)
        if not self._limit.admits(origin[0], now, is_known=is_known):
            return None
        return Arrival(self, origin, is_known=is_known)

    @property
    def open(self) -> int:
        """The number of connections."""
        return len(self.clients) + len(self.newcomers)

    def limit(self, most: int) -> None:
        """Keep at most `most` connections, or the usual limits if those are less; but one of each.

        A client whose handshake is complete is counted apart from one without a certificate yet.
        """
        newcomers = min(MAX_NEWCOMERS, most * MAX_NEWCOMERS // (MAX_CLIENTS + MAX_NEWCOMERS))
        clients = min(MAX_CLIENTS, most - newcomers)
        for arrival in self.newcomers.limit(max(1, newcomers)):
            arrival.leave()
        for client in self.clients.limit(max(1, clients)):
            client.leave()

    def remember(self, host: str, ago: float) -> None:
        """Note that a valid certificate came from an address some seconds ago.

        Text that is not an address is ignored.
        """
        with suppress(OSError):
            origin = prefix_of(host), address_of(host)
            self.known.remember(origin, self.clock.seconds() - ago)

    def review(self) -> None:
        """Close the connections of clients that are not admitted any more, or not trusted."""
        for client in self.clients.all():
            address = client.getPeer().host  # type: ignore[no-untyped-call]
            if not (self._context.trusts(client.chain) and self._admits(client.chain, address)):
                client.leave()

    def client(self, arrival: Arrival) -> Client:
        """Return what is above the TLS of a connection."""
        return Client(self, arrival)

    def tls(self, client: Client) -> TLSMemoryBIOProtocol:
        """Return a TLS connection that is about to begin, below `client`."""
        return self._tls.protocol(self._tls, client)

    def enter(self, arrival: Arrival) -> None:
        """Give a place to a new connection; another one may have to give way."""
        gone = self.newcomers.enter(arrival, (*arrival.origin, _SILENT))
        if gone is not None:
            gone.leave()
        if self._sweep is None:
            self._sweep = self.clock.callLater(SWEEP, self._close_late)

    def move_on(self, arrival: Arrival) -> None:
        """Let a connection that has said hello wait for its turn, in a place apart from others."""
        self.newcomers.leave(arrival)
        self.newcomers.enter(arrival, (*arrival.origin, _HELLO))
        self.handshakes.wait_for_turn(arrival)

    def forget(self, arrival: Arrival) -> None:
        """Note that a connection needs no place among the new ones, and no turn."""
        self.newcomers.leave(arrival)
        self.handshakes.leave(arrival)

    def welcome(self, client: Client) -> bool:
        """Return whether a client with a valid certificate gets a place, which it then has."""
        arrival = client.arrival
        if not self._admits(client.chain, client.getPeer().host):  # type: ignore[no-untyped-call]
            return False
        self.known.remember(arrival.origin, self.clock.seconds())
        if self.clients.count((client.fingerprint,)) >= MAX_OF_ONE:
            return False
        self.forget(arrival)
        arrival.deadline = None
        gone = self.clients.enter(client, (client.fingerprint,))
        if gone is not None:
            gone.leave()
        return True

    def _close_late(self) -> None:
        """Close the connections that have used up their time."""
        now = self.clock.seconds()
        for arrival in self.newcomers.all():
            if arrival.deadline is not None and now >= arrival.deadline:
                arrival.leave()
        left = len(self.newcomers) > 0
        self._sweep = self.clock.callLater(SWEEP, self._close_late) if left else None

    def _free_places(self, step: bytes) -> int:
        return KNOWN_PLACES if self.known.has(step, self.clock.seconds()) else 0
