"""DNS over TCP (RFC 7766): two bytes of length, then a message, in both directions.

Queries may be pipelined; each reply is one write, in order.
A client that asks nothing whole for the idle timeout, or does not read its replies, is let go;
so is the one that has been idle longest, when there are too many (`answering.tcp_clients`).
What is kept for a client is bounded: one message that is not whole yet, one read of the kernel's,
and replies up to the size at which Twisted asks to pause.
Refuses to know what a message says: `respond` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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

from failoverdns.answering.tcp_clients import TCPClients

Respond = Callable[[bytes, str], bytes | None]
"""Give a message, and the address that it came from, its reply."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class TCPConnection(Protocol):
    """One client."""

    transport: Any

    def __init__(self, factory: TCPFactory, host: str) -> None:
        self._factory = factory
        self._clients = factory.clients
        self._host = host
        self._buffer = bytearray()
        self._unread = 0
        """Bytes of replies since the client last had read all."""
        self._paused = False
        self._ended = False
        self._finishing = False
        self._waiting = False
        self._timeout: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802
        """Start counting the time."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._timeout = self._factory.clock.callLater(
            self._clients.limits.idle_timeout, self.transport.abortConnection
        )
        self._factory.enter(self)
        self._clients.enter(self, self._host)

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
        if self._timeout is not None and self._timeout.active():
            self._timeout.cancel()
        self._buffer.clear()
        self._ended = self._paused = True
        self._clients.leave(self)
        self._factory.leave(self)

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop reading: the client does not take its replies as fast as it asks."""
        self._paused = True
        self._read_or_not()

    def resumeProducing(self) -> None:  # noqa: N802
        """Go on: the client has read all."""
        self._paused = False
        self._unread = 0
        self._answer()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is going."""

    def resume(self) -> None:
        """Go on answering: it is this connection's turn."""
        self._waiting = False
        self._answer()

    def let_go(self) -> None:
        """Close at once."""
        self._ended = self._paused = True
        self.transport.abortConnection()

    def finish(self) -> None:
        """Close when nothing is half asked; the time limit holds."""
        self._finishing = True
        self._answer()

    def _answer(self) -> None:
        """Answer whole messages in the buffer, while the client reads and it is its turn."""
        buffer, taken, at, was_useful = self._buffer, 0, 0, False
        while not self._paused and not self._waiting and len(buffer) - at >= 2:
            end = at + 2 + int.from_bytes(buffer[at : at + 2], "big")
            if len(buffer) < end:
                break
            if not self._clients.may_answer(self, in_a_row=taken):
                self._waiting = True
                break
            message = bytes(buffer[at + 2 : end])
            at = end
            taken += 1
            reply = self._factory.respond(message, self._host)
            if reply is not None:
                was_useful = True
                self._unread += 2 + len(reply)
                self.transport.write(len(reply).to_bytes(2, "big") + reply)
        del buffer[:at]
        if was_useful:
            self._clients.touch(self)
            if self._timeout is not None and self._timeout.active():
                self._timeout.reset(self._clients.limits.idle_timeout)
        self._read_or_not()
        self._clients.keep(self, len(buffer) + (self._unread if self._paused else 0))
        finished = self._ended or (self._finishing and not buffer)
        if finished and not self._paused and not self._waiting:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _read_or_not(self) -> None:
        """Read no more while there is enough to answer."""
        if not self._ended:
            stop = self._paused or self._waiting
            (self.transport.pauseProducing if stop else self.transport.resumeProducing)()


class TCPFactory(ServerFactory):
    """All clients of one address."""

    noisy = False

    def __init__(self, clock: IReactorTime, respond: Respond, clients: TCPClients) -> None:
        """Answer with `respond`; `clients` are those of all addresses."""
        self.clock = clock
        self.respond = respond
        self.clients = clients
        self._connections: set[TCPConnection] = set()

    def buildProtocol(self, addr: IAddress | None) -> TCPConnection:  # noqa: N802
        """Take a client in."""
        return TCPConnection(self, getattr(addr, "host", "::"))

    def enter(self, connection: TCPConnection) -> None:
        """Note a client."""
        self._connections.add(connection)

    def leave(self, connection: TCPConnection) -> None:
        """Forget a client."""
        self._connections.discard(connection)

    def close(self) -> None:
        """Let every client go, when it has what it has begun to ask for."""
        for connection in list(self._connections):
            connection.finish()
