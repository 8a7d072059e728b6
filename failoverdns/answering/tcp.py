"""DNS over TCP (RFC 7766): two bytes of length, then a message, in both directions.

Queries may be pipelined; each reply is one write, in order.  A connection is closed if its first
complete query does not arrive within the initial timeout, or no further one within the idle
timeout, or if the client does not read its replies; with too many connections the one that has been
idle longest is closed (`answering.tcp_clients`).

The memory of a connection is bounded: one incomplete message, the bytes of one read, and replies up
to the size at which Twisted asks to pause.
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
from failoverdns.net.detaching import detach, is_flushed

Respond = Callable[[bytes, str], bytes | None]
"""Returns the reply to a message from an address, or None."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class TCPConnection(Protocol):
    """A TCP connection of one DNS client."""

    transport: Any

    def __init__(self, factory: TCPFactory, host: str) -> None:
        self._factory = factory
        self._clients = factory.clients
        self._host = host
        self._buffer = bytearray()
        self._unread = 0
        """Bytes of replies since the client last had read all of them."""
        self._paused = False
        self._ended = False
        self._finishing = False
        self._waiting = False
        self._moving = False
        self._timeout: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802
        """Start the initial timeout, which is never longer than the idle timeout."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        limits = self._clients.limits
        self._timeout = self._factory.clock.callLater(
            min(limits.initial_timeout, limits.idle_timeout), self.transport.abortConnection
        )
        self._factory.enter(self)
        self._clients.enter(self, self._host)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take received bytes, and answer complete messages."""
        self._buffer += data
        self._answer()

    def readConnectionLost(self) -> None:  # noqa: N802
        """Answer the remaining queries, then close: the client has finished sending."""
        self._ended = True
        self._answer()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Close the connection, because the client no longer reads."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Remove the connection from the lists of connections."""
        if self._timeout is not None and self._timeout.active():
            self._timeout.cancel()
        self._buffer.clear()
        self._ended = self._paused = True
        self._clients.leave(self)
        self._factory.leave(self)

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop reading, because the client reads its replies more slowly than it asks."""
        self._paused = True
        self._read_or_not()

    def resumeProducing(self) -> None:  # noqa: N802
        """Continue: the client has read its replies."""
        self._paused = False
        self._unread = 0
        self._answer()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is being closed."""

    def resume(self) -> None:
        """Continue to answer: it is this connection's turn."""
        self._waiting = False
        self._answer()

    def let_go(self) -> None:
        """Close the connection at once."""
        self._ended = self._paused = True
        self.transport.abortConnection()

    def finish(self) -> None:
        """Close the connection once no incomplete message is left, at the latest at the timeout."""
        self._finishing = True
        self._answer()

    def pause(self) -> None:
        """Stop reading and answering; another process will continue (`release`)."""
        self._moving = True
        self.transport.pauseProducing()

    def release(self) -> tuple[int, bytes] | None:
        """Give up the connection, which stays open: return its descriptor and unanswered bytes.

        The caller owns the descriptor.  Returns None while replies are not sent yet.
        """
        if not is_flushed(self.transport):
            return None
        received = bytes(self._buffer)
        descriptor = detach(self.transport)
        self.connectionLost()
        return descriptor, received

    def take_over(self, received: bytes) -> None:
        """Continue a connection of another process, which may have asked before.

        `received` are the bytes that the other process has not answered.
        """
        self._restart_timeout()
        self.dataReceived(received)

    def keep(self) -> None:
        """Continue after `pause`, because the connection could not be released."""
        self._moving = False
        self._answer()

    def _answer(self) -> None:
        """Answer complete messages in the buffer, while the client reads and has its turn."""
        if self._moving:
            return
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
            self._restart_timeout()
        self._read_or_not()
        self._clients.keep(self, len(buffer) + (self._unread if self._paused else 0))
        finished = self._ended or (self._finishing and not buffer)
        if finished and not self._paused and not self._waiting:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _restart_timeout(self) -> None:
        """Wait for the next query for the idle timeout."""
        if self._timeout is not None and self._timeout.active():
            self._timeout.reset(self._clients.limits.idle_timeout)

    def _read_or_not(self) -> None:
        """Pause reading while the connection is paused or waits for its turn."""
        if not self._ended:
            stop = self._paused or self._waiting
            (self.transport.pauseProducing if stop else self.transport.resumeProducing)()


class TCPFactory(ServerFactory):
    """The TCP connections of one address that is listened on."""

    noisy = False

    def __init__(self, clock: IReactorTime, respond: Respond, clients: TCPClients) -> None:
        """Answer with `respond`; `clients` has the connections of all addresses."""
        self.clock = clock
        self.respond = respond
        self.clients = clients
        self._connections: set[TCPConnection] = set()

    def buildProtocol(self, addr: IAddress | None) -> TCPConnection:  # noqa: N802
        """Return the protocol of a new connection."""
        return TCPConnection(self, getattr(addr, "host", "::"))

    def enter(self, connection: TCPConnection) -> None:
        """Add a connection."""
        self._connections.add(connection)

    def leave(self, connection: TCPConnection) -> None:
        """Remove a connection."""
        self._connections.discard(connection)

    @property
    def connections(self) -> tuple[TCPConnection, ...]:
        """The open connections."""
        return tuple(self._connections)

    def close(self) -> None:
        """Close every connection once the queries that it has begun to send are answered."""
        for connection in list(self._connections):
            connection.finish()
