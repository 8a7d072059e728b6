"""DNS over TLS (RFC 7858), and zone transfers over TLS (RFC 9103).

    it arrives       a place among the new ones, by network and address; a turn for its handshake
    it is a client   a DNS client as over TCP, with the limits of `tcp`
    it signs         with a known key: one end of a pair of sockets leaves for the transfer process,
                     and what that sends and receives is carried over TLS

Until the handshake is complete the bounds of `net.arrivals` hold: a client that stalls there is
closed, and handshakes take a part of the time only.  What is carried is read from one side as fast
as the other side takes it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.answering.link import LinkedConnection
from failoverdns.answering.responding import Respond
from failoverdns.answering.tcp import HandOver, TCPConnection, TCPFactory
from failoverdns.answering.tcp_clients import TCPClients
from failoverdns.model.numbers import Rcode
from failoverdns.net.adopting import adopt
from failoverdns.net.arrivals import MAX_NEWCOMERS, Arrival, Client, Door
from failoverdns.net.dns_tls import DNSContext, has_certificate, may_transfer

MAX_CARRIED: Final = 100
"""Connections at a time that are carried for the transfer process."""

OPEN_FILES: Final = MAX_NEWCOMERS + 2 * MAX_CARRIED
"""Open files for handshakes, and for both ends of what is carried."""

CLIENT_TIME: Final = 60.0
"""Seconds that a client has to read some of what the transfer process sends."""

LINGER: Final = 10.0
"""Seconds that a client has to read the rest of what the transfer process has sent."""


class TLSConnection(TCPConnection):
    """A connection of one DNS client above TLS."""

    def __init__(self, factory: TLSFactory, host: str) -> None:
        super().__init__(factory, host)
        self._doors = factory
        self._carried: _Carried | None = None
        self._source: Source | None = None
        self._is_other = False
        """Whether it is carried for a client that is not a configured secondary."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Answer messages, or carry them to the transfer process."""
        if self._carried is not None:
            self._carried.transport.write(data)
        else:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Close the other side."""
        carried, self._carried = self._carried, None
        if carried is not None:
            self._doors.carried -= 1
            self._doors.carried_others -= self._is_other
            self._stop_waiting()
            carried.transport.unregisterProducer()
            carried.transport.loseConnection()
        super().connectionLost(reason)

    def _leave_when_flushed(self) -> None:
        """Leave in another turn of the reactor: what was written goes out before what comes."""
        self.transport.pauseProducing()
        self.transport.unregisterProducer()
        self.leave_soon()

    def _refusal(self) -> Rcode | None:
        """Refuse what is signed on a connection over which zones may not be transferred."""
        return None if may_transfer(self.transport.getHandle()) else Rcode.REFUSED

    def _pass_on(self, connection: LinkedConnection) -> bool:
        """Hand one end of a pair of sockets over, and carry what passes through the other one."""
        if not self._doors.has_room_for(connection.host):
            return False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            shown = has_certificate(self.transport.getHandle())
            given = LinkedConnection(connection.host, connection.received, True, shown)
            if not self._factory.hand_over(given, theirs.fileno()):
                return False
            self._is_other = not self._doors.is_secondary(connection.host)
            self._carry(ours)
        return True

    def _carry(self, end: socket.socket) -> None:
        """Carry everything between the client and a socket, until one of them closes."""
        self._give_up_place()
        self._doors.carried += 1
        self._doors.carried_others += self._is_other
        carried = self._carried = _Carried(self.transport, self._stop_carrying)
        adopt(self._doors.reactor, end.fileno(), carried)
        carried.transport.registerProducer(self.transport, True)
        clock = self._factory.clock
        source = self._source = Source(carried.transport, clock, self.transport.abortConnection)
        self.transport.registerProducer(source, True)
        self.transport.resumeProducing()

    def _stop_carrying(self) -> None:
        """Close the connection: the transfer process has closed its end."""
        if self._carried is not None:
            self._stop_waiting()
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            self._timeout = self._factory.clock.callLater(LINGER, self.transport.abortConnection)

    def _stop_waiting(self) -> None:
        """Do not wait any more for the client to read."""
        if self._source is not None:
            self._source.stopProducing()


@implementer(IPushProducer)
class Source:
    """What the transfer process sends, which is not read while the client does not take it.

    Nor is its end then, so a client that takes nothing for `CLIENT_TIME` is late.
    """

    def __init__(self, transport: Any, clock: Any, late: Callable[[], None]) -> None:
        self._transport = transport
        self._clock = clock
        self._late = late
        self._timer: IDelayedCall | None = None

    def pauseProducing(self) -> None:  # noqa: N802
        """Read nothing, because the client does not."""
        self._transport.pauseProducing()
        if self._timer is None:
            self._timer = self._clock.callLater(CLIENT_TIME, self._late)

    def resumeProducing(self) -> None:  # noqa: N802
        """Read on: the client has read all of it."""
        self.stopProducing()
        self._transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802
        """Do not wait for the client any more."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


class _Carried(Protocol):
    """Our end of the pair of sockets whose other end the transfer process has."""

    transport: Any

    def __init__(self, client: Any, closed: Callable[[], None]) -> None:
        self._client = client
        self._closed = closed

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Send what the transfer process writes."""
        self._client.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Let the client go."""
        self._closed()


class TLSFactory(TCPFactory):
    """The connections of DNS clients above TLS."""

    def __init__(
        self,
        reactor: Any,
        respond: Respond,
        clients: TCPClients,
        hand_over: HandOver,
        is_secondary: Callable[[str], bool],
    ) -> None:
        """Answer with `respond`; `clients` has the connections of all addresses.

        What is carried for the transfer process begins with `hand_over`; `is_secondary` returns
        whether an address is that of a configured secondary.
        """
        super().__init__(reactor, respond, clients, hand_over)
        self.is_secondary = is_secondary
        self.reactor = reactor
        self.carried = 0
        """Connections that are carried for the transfer process."""
        self.carried_others = 0
        """Those of clients that are no configured secondaries."""
        self.most_carried = MAX_CARRIED
        """Connections that may be, so that there are open files for them."""

    def has_room_for(self, host: str) -> bool:
        """Return whether one more may be carried: half of the places are for secondaries only."""
        others = self.carried_others < max(1, self.most_carried // 2)
        return self.carried < self.most_carried and (others or self.is_secondary(host))

    def buildProtocol(self, addr: IAddress | None) -> TLSConnection:  # noqa: N802
        """Return the protocol of a client whose handshake is complete."""
        return TLSConnection(self, getattr(addr, "host", "::"))


class _DNSClient(Client):
    """A connection above TLS whose protocol begins when the handshake is complete."""

    def handshakeCompleted(self) -> None:  # noqa: N802
        """Begin the protocol; a client need not show a certificate."""
        self._door.welcome(self)
        transport: Any = self.transport
        self.wrappedProtocol = self._door.protocols.buildProtocol(transport.getPeer())
        self.wrappedProtocol.makeConnection(transport)


class TLSDoor(Door):
    """Lets DNS clients in over TLS."""

    def __init__(self, context: DNSContext, factory: TLSFactory, clock: Any) -> None:
        """Answer with the connections of `factory`, with the certificates of `context`."""
        super().__init__(context, factory, clock)
        self.context = context
        self.factory = factory

    def client(self, arrival: Arrival) -> Client:
        """Return what is above the TLS of a connection."""
        return _DNSClient(self, arrival)

    def limit(self, most: int) -> None:
        """Have at most N open files: one for each handshake, two for what is carried."""
        newcomers = max(1, min(MAX_NEWCOMERS, most * MAX_NEWCOMERS // OPEN_FILES))
        for arrival in self.newcomers.limit(newcomers):
            arrival.leave()
        self.factory.most_carried = max(1, (most - newcomers) // 2)

    def welcome(self, client: Client) -> bool:
        """Let a client in, which gives its place among the new ones back."""
        self.forget(client.arrival)
        client.arrival.deadline = None
        return True
