"""DNS over TCP (RFC 7766): two bytes of length, then a message, in both directions.

Queries may be pipelined; each reply is one write, in order.  A connection is closed if its first
complete query does not arrive within the initial timeout, or no further one within the idle
timeout, or if the client does not read its replies; with too many connections the one that has been
idle longest is closed (`answering.tcp_clients`).

A connection on which a client signs a message with a known key leaves for the transfer process,
once the client was sent all replies to what it asked before.

The memory of a connection is bounded: one incomplete message, the bytes of one read, and replies up
to the size at which Twisted asks to pause.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IPullProducer,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.answering.link import LinkedConnection
from failoverdns.answering.responding import Respond, signed_failure
from failoverdns.answering.tcp_clients import TCPClients
from failoverdns.model.numbers import Rcode
from failoverdns.net.detaching import detach, is_flushed
from failoverdns.protocol.query import Signed

HandOver = Callable[[LinkedConnection, int], bool]
"""Hands a connection over, given with its descriptor; returns whether it has left."""


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
        self._leaving: Signed | None = None
        """The message with which the connection is handed over; the buffer begins with it."""
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
        self._give_up_place()
        self._ended = self._paused = True
        self._leaving = None

    def _give_up_place(self) -> None:
        """Count among the connections of DNS clients no more."""
        if self._timeout is not None and self._timeout.active():
            self._timeout.cancel()
        self._buffer.clear()
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
        if self._moving or self._leaving is not None:
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
            taken += 1
            reply = self._factory.respond(message, self._host)
            if isinstance(reply, Signed):
                self._leaving = reply
                break
            at = end
            if reply is not None:
                was_useful = True
                self._unread += 2 + len(reply)
                self.transport.write(len(reply).to_bytes(2, "big") + reply)
        del buffer[:at]
        if was_useful:
            self._clients.touch(self)
            self._restart_timeout()
        if self._leaving is not None:
            self._clients.keep(self, len(buffer) + self._unread)
            self._leave_when_flushed()
            return
        self._read_or_not()
        self._clients.keep(self, len(buffer) + (self._unread if self._paused else 0))
        finished = self._ended or (self._finishing and not buffer)
        if finished and not self._paused and not self._waiting:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _leave_when_flushed(self) -> None:
        """Read nothing more, and leave once the client has been sent all earlier replies."""
        if not self._ended:
            self.transport.pauseProducing()
        self.transport.unregisterProducer()
        self.transport.registerProducer(_Flushing(self), False)

    def leave_soon(self) -> None:
        """Leave in another turn of the reactor."""
        self._factory.clock.callLater(0, self.leave)

    def leave(self) -> None:
        """Hand the connection over, or answer SERVFAIL and continue if that is not possible."""
        signed, buffer = self._leaving, self._buffer
        if signed is None:
            return
        self.transport.unregisterProducer()
        self._leaving = None
        rcode = self._refusal()
        if rcode is None and self._pass_on(LinkedConnection(self._host, bytes(buffer))):
            return
        reply = signed_failure(signed, rcode or Rcode.SERVFAIL)
        del buffer[: 2 + int.from_bytes(buffer[:2], "big")]
        self.transport.registerProducer(self, True)
        self._clients.touch(self)
        self._restart_timeout()
        self._unread += 2 + len(reply)
        self.transport.write(len(reply).to_bytes(2, "big") + reply)
        self._answer()

    def _refusal(self) -> Rcode | None:
        """Return the rcode of a signed message that may not come this way, None if it may."""
        return None

    def _pass_on(self, connection: LinkedConnection) -> bool:
        """Hand the connection over; return whether it has left."""
        has_left = self._factory.hand_over(connection, self.transport.fileno())
        if has_left:
            os.close(detach(self.transport))
            self.connectionLost()
        return has_left

    def _restart_timeout(self) -> None:
        """Wait for the next query for the idle timeout."""
        if self._timeout is not None and self._timeout.active():
            self._timeout.reset(self._clients.limits.idle_timeout)

    def _read_or_not(self) -> None:
        """Pause reading while the connection is paused or waits for its turn."""
        if not self._ended:
            stop = self._paused or self._waiting
            (self.transport.pauseProducing if stop else self.transport.resumeProducing)()


@implementer(IPullProducer)
class _Flushing:
    """Waits until everything that was written to a connection was given to the kernel."""

    def __init__(self, connection: TCPConnection) -> None:
        self._connection = connection

    def resumeProducing(self) -> None:  # noqa: N802
        """Let the connection leave in another turn of the reactor, if all was sent."""
        if is_flushed(self._connection.transport):
            self._connection.leave_soon()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is being closed."""


class TCPFactory(ServerFactory):
    """The TCP connections of one address that is listened on."""

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        respond: Respond,
        clients: TCPClients,
        hand_over: HandOver,
    ) -> None:
        """Answer with `respond`; `clients` has the connections of all addresses.

        A connection with a signed message is passed to `hand_over`.
        """
        self.clock = clock
        self.respond = respond
        self.clients = clients
        self.hand_over = hand_over
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
