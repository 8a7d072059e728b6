"""The connections of clients that sign their messages: zone transfers over TCP and TLS.

    a message arrives  -> its reply is made and read, while nothing more is taken
    a zone transfer    -> the next message is made and signed when the client has read the last one

So a connection has one message in memory in each direction, however large the zone and however slow
the client.  A client that reads nothing for `MESSAGE_TIME`, or asks nothing for the idle timeout,
is disconnected.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IPullProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.net.adopting import adopt
from failoverdns.net.spawning import spawn
from failoverdns.protocol.transfer.messages import RecordTooLong
from failoverdns.transfers.clients import Places
from failoverdns.transfers.requests import Ask, Last, Requests, Sending
from failoverdns.transfers.serving import Client
from failoverdns.transfers.transfer_log import TransferLog

MESSAGE_TIME: Final = 60.0
"""Seconds that a client may take to read a message."""

SEND_BUFFER: Final = 1 << 20
"""Bytes that the kernel keeps for a client at most; without a bound they may be several times more.

Linux takes as many as net.core.wmem_max allows."""

_SILENT: Final = "the client reads nothing"

log = Logger()


@implementer(IHalfCloseableProtocol)
class TransferConnection(Protocol):
    """A connection of one client, which an answering process has handed over."""

    transport: Any

    def __init__(self, connections: Connections, client: Client, ask: Ask, received: bytes) -> None:
        """Begin with the bytes that were received before."""
        self.host = client.host
        self.is_idle = False
        """Whether it waits for the client's next message."""
        self._connections = connections
        self._client = client
        self._ask = ask
        self._buffer = bytearray(received)
        self._has_place = False
        self._ended = False
        self._lost: str | None = None
        """Why the connection is closed; None while it is open."""
        self._timer: IDelayedCall | None = None
        self._transfer: _Transfer | None = None

    def connectionMade(self) -> None:  # noqa: N802
        """Answer what was received before."""
        self._connections.all.add(self)
        if self.transport.socket.family != socket.AF_UNIX:
            self.transport.setTcpNoDelay(True)
        self._wait(MESSAGE_TIME, _SILENT)
        self.transport.pauseProducing()
        spawn(self._serve())

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take received bytes, and answer a message that is complete."""
        self._buffer += data
        if self.is_idle:
            spawn(self._serve())

    def readConnectionLost(self) -> None:  # noqa: N802
        """Answer what has arrived, then close: the client has finished sending."""
        self._ended = True
        if self.is_idle:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Close the connection, because the client no longer reads."""
        self._close("the client has closed the connection")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Give up the place and the transfer under way."""
        self._lost = self._lost or "the client has closed the connection"
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._connections.all.discard(self)
        self._connections.places.leave(self)
        if self._transfer is not None:
            self._transfer.end(self._lost)

    def let_go(self) -> None:
        """Close the connection at once."""
        self._close("its place is needed")

    def give_up(self, why: str) -> None:
        """Close the connection, because the transfer cannot be continued."""
        self._close(why)

    def progress(self) -> None:
        """Note that the client has read a message."""
        self._wait(MESSAGE_TIME, _SILENT)

    def _close(self, why: str) -> None:
        self._lost = self._lost or why
        self.transport.abortConnection()

    def _wait(self, seconds: float, why: str, end: Callable[[], None] | None = None) -> None:
        """Close the connection in some seconds by `end`, unless something happens before."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        close = end or partial(self._close, why)
        self._timer = self._connections.reactor.callLater(seconds, close)

    async def _serve(self) -> None:
        """Answer the messages that have arrived, one after the other."""
        while (message := self._next()) is not None:
            await self._answer(message)

    def _next(self) -> bytes | None:
        """Return the next message; None if it has not arrived, or the connection is closed."""
        buffer = self._buffer
        size = int.from_bytes(buffer[:2], "big")
        if self._lost is not None:
            return None
        if len(buffer) < 2 or len(buffer) < 2 + size:
            if self._ended:
                self.transport.loseConnection()
                return None
            if self.is_idle:  # a part of a message has no time of its own
                return None
            self.is_idle = True
            idle = self._connections.requests.settings.idle_timeout
            self._wait(idle, "", self.transport.loseConnection)
            self.transport.resumeProducing()
            return None
        message = bytes(buffer[2 : 2 + size])
        del buffer[: 2 + size]
        self.is_idle = False
        self.transport.pauseProducing()
        self._wait(MESSAGE_TIME, _SILENT)
        self._connections.places.touch(self)
        return message

    async def _answer(self, message: bytes) -> None:
        found = await self._connections.requests.over_tcp(
            message, self._client, self._ask, self._admit
        )
        if self._lost is not None:
            return
        match found:
            case Sending():
                await self._send(found)
            case Last(reply):
                if reply:
                    self.transport.write(len(reply).to_bytes(2, "big") + reply)
                self._lost = "it has got its last reply"
                self.transport.loseConnection()
            case b"":
                pass
            case reply:
                await self._pass_on(iter((reply,)))

    def _admit(self) -> bool:
        """Take a place, and return whether there is one."""
        if not self._has_place:
            self._has_place = self._connections.places.enter(self)
            if not self._has_place:
                why = "there are too many connections of clients with keys"
                self._connections.log.turned_away(host=self.host, why=why)
        return self._has_place

    async def _pass_on(self, messages: Iterator[bytes]) -> tuple[str, int]:
        """Send messages, until the client has read them or is gone.

        Returns why it did not read all of them, an empty text if it did, and the bytes sent.
        """
        transfer = self._transfer = _Transfer(self, messages)
        self.transport.registerProducer(transfer, False)
        why = await transfer.ended
        self._transfer = None
        return why, transfer.size

    async def _send(self, sending: Sending) -> None:
        """Send a zone transfer, and log it."""
        began = self._connections.reactor.seconds()
        why, size = await self._pass_on(sending.messages)
        journal, zone = self._connections.log, sending.zone
        if why:
            journal.interrupted(zone, host=self.host, key=sending.key, size=size, why=why)
        else:
            sending.sent()
            journal.served(
                *(sending.kind, zone, sending.serial),
                host=self.host,
                key=sending.key,
                size=size,
                began=began,
            )


@implementer(IPullProducer)
class _Transfer:
    """The messages of a reply, each of which is made when the last one was sent."""

    def __init__(self, connection: TransferConnection, messages: Iterator[bytes]) -> None:
        self.size = 0
        """The bytes that were sent."""
        self.ended: Deferred[str] = Deferred()
        """Called back at the end: with an empty text, or why it came too early."""
        self._connection = connection
        self._messages = messages

    def resumeProducing(self) -> None:  # noqa: N802
        """Send the next message."""
        connection = self._connection
        try:
            message = next(self._messages, None)
        except RecordTooLong as fault:
            connection.give_up(str(fault))
            return
        if message is None:
            connection.transport.unregisterProducer()
            self.end("")
            return
        connection.progress()
        self.size += 2 + len(message)
        connection.transport.write(len(message).to_bytes(2, "big") + message)

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is being closed."""

    def end(self, why: str) -> None:
        """Note the end."""
        if not self.ended.called:
            self.ended.callback(why)


class Connections:
    """All connections of clients."""

    def __init__(
        self, reactor: Any, requests: Requests, journal: TransferLog, places: Places
    ) -> None:
        """Answer with `requests`, and log in `journal`."""
        self.reactor = reactor
        self.requests = requests
        self.log = journal
        self.places = places
        self.all: set[TransferConnection] = set()
        """The open connections."""

    def take(self, descriptor: int, client: Client, ask: Ask, received: bytes) -> None:
        """Continue a connection that an answering process has handed over; it is ours now."""
        try:
            with socket.socket(fileno=os.dup(descriptor)) as sock:
                family = sock.family
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            connection = TransferConnection(self, client, ask, received)
            adopt(self.reactor, descriptor, connection, family)
        except OSError:  # the client has gone
            pass
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self.all):
            connection.let_go()
