"""DNS over TCP (RFC 7766): two bytes of length, then a message, in both directions.

Queries may be pipelined; each reply is one write.  A client that sends nothing whole for
`IDLE_TIMEOUT`, or does not read its replies, is let go; when there are too many, the one that
has been idle longest.
Refuses to know what a message says: `respond` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

Respond = Callable[[bytes], bytes | None]

IDLE_TIMEOUT: Final = 10.0
"""Seconds without a whole query."""

MAX_CONNECTIONS: Final = 500
MESSAGES_A_TURN: Final = 50
"""Queries of one connection answered in one reactor turn."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class TCPConnection(Protocol):
    """One client."""

    transport: Any

    def __init__(self, factory: TCPFactory) -> None:
        self._factory = factory
        self._buffer = bytearray()
        self._paused = False
        self._ended = False
        self._timeout: IDelayedCall | None = None
        self._later: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802
        """Start counting the time."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._timeout = self._factory.clock.callLater(IDLE_TIMEOUT, self.transport.abortConnection)
        self._factory.enter(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes in."""
        self._buffer += data
        self._answer()

    def readConnectionLost(self) -> None:  # noqa: N802
        """Send what is still owed, then close: the client only reads from now on."""
        self._ended = True
        self._answer()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Close: nobody reads what we write."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Forget the client."""
        for call in (self._timeout, self._later):
            if call is not None and call.active():
                call.cancel()
        self._buffer.clear()
        self._factory.leave(self)

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop reading: the client does not take its replies as fast as it asks."""
        self._paused = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """Go on."""
        self._paused = False
        if not self._ended:
            self.transport.resumeProducing()
        self._answer()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is going."""

    def _answer(self) -> None:
        """Answer whole messages in the buffer, for as long as the client reads."""
        if self._later is not None and self._later.active():
            return
        buffer, answered = self._buffer, 0
        while not self._paused and len(buffer) >= 2:
            size = int.from_bytes(buffer[:2], "big")
            if len(buffer) < 2 + size:
                break
            if answered == MESSAGES_A_TURN:
                self._later = self._factory.clock.callLater(0, self._answer)
                return
            message = bytes(buffer[2 : 2 + size])
            del buffer[: 2 + size]
            answered += 1
            reply = self._factory.respond(message)
            if reply is not None:
                self.transport.write(len(reply).to_bytes(2, "big") + reply)
        if answered:
            self._factory.touch(self)
            if self._timeout is not None and self._timeout.active():
                self._timeout.reset(IDLE_TIMEOUT)
        if self._ended and not self._paused:
            self.transport.unregisterProducer()
            self.transport.loseConnection()


class TCPFactory(ServerFactory):
    """All clients of one address, the longest idle first."""

    noisy = False

    def __init__(self, clock: IReactorTime, respond: Respond) -> None:
        self.clock = clock
        self.respond = respond
        self._connections: dict[TCPConnection, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> TCPConnection:  # noqa: N802
        """Take a client in."""
        return TCPConnection(self)

    def enter(self, connection: TCPConnection) -> None:
        """Count a client; if that is one too many, let the longest idle go."""
        self._connections[connection] = None
        if len(self._connections) > MAX_CONNECTIONS:
            next(iter(self._connections)).transport.abortConnection()

    def touch(self, connection: TCPConnection) -> None:
        """Note that a client is not idle."""
        if connection in self._connections:
            self._connections[connection] = self._connections.pop(connection)

    def leave(self, connection: TCPConnection) -> None:
        """Forget a client."""
        self._connections.pop(connection, None)

    def close(self) -> None:
        """Let every client go."""
        for connection in list(self._connections):
            connection.transport.loseConnection()
