"""The transfer process's ends of the links to answering processes (`answering.link`).

A link carries messages that arrived over UDP, connections, and in the other direction replies and
queries that the table of the answering process answers.  What waits is bounded: a link on which
more replies wait than the other end reads is not read from.
"""

from __future__ import annotations

import os
from collections import deque
from itertools import count
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.answering.link import (
    FROM_ANSWERING,
    LinkedAnswer,
    LinkedConnection,
    LinkedMessage,
    LinkedQuery,
    LinkedReply,
    LinkReader,
    write_linked,
)
from failoverdns.model.errors import Malformed
from failoverdns.net.adopting import adopt
from failoverdns.net.spawning import spawn
from failoverdns.transfers.connections import Connections
from failoverdns.transfers.requests import Requests
from failoverdns.transfers.serving import Client

MAX_DESCRIPTORS: Final = 64
"""Descriptors that may wait for the frame that names them."""

MAX_ASKED: Final = 512
"""Queries that may wait for an answering process; more get no answer."""

ASKED_TIME: Final = 3.0
"""Seconds in which an answering process must answer; its reply has long been expected then."""

log = Logger()


@implementer(IFileDescriptorReceiver, IPushProducer)
class Link(Protocol):
    """One end of a link."""

    transport: Any

    def __init__(self, links: Links) -> None:
        self._links = links
        self._reader = LinkReader(FROM_ANSWERING)
        self._descriptors: deque[int] = deque()
        self._numbers = count(1)
        self._asked: dict[int, Deferred[bytes]] = {}
        self.is_open = True

    def connectionMade(self) -> None:  # noqa: N802
        """Enter the list of links."""
        self.transport.registerProducer(self, True)
        self._links.all.append(self)

    def fileDescriptorReceived(self, descriptor: int) -> None:  # noqa: N802
        """Store a descriptor until a frame names it."""
        os.set_inheritable(descriptor, False)
        self._descriptors.append(descriptor)
        if len(self._descriptors) > MAX_DESCRIPTORS:
            self._break("too many descriptors")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take received bytes, and carry out the frames that are complete."""
        try:
            for linked in self._reader.feed(data):
                match linked:
                    case LinkedMessage():
                        spawn(self._answer(linked))
                    case LinkedConnection():
                        self._take(linked)
                    case LinkedAnswer(number, message):
                        waiting = self._asked.pop(number, None)
                        if waiting is not None:
                            waiting.callback(message)
        except Malformed as fault:
            self._break(str(fault))

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Leave the list of links; what was asked gets no answer."""
        self.is_open = False
        if self in self._links.all:
            self._links.all.remove(self)
        while self._descriptors:
            os.close(self._descriptors.popleft())
        asked, self._asked = self._asked, {}
        for waiting in asked.values():
            waiting.callback(b"")

    def pauseProducing(self) -> None:  # noqa: N802
        """Read nothing, because the answering process reads replies more slowly than it asks."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """Read again."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the link is being closed."""

    async def ask(self, packet: bytes, host: str) -> bytes:
        """Return what the answering process answers; empty if it does not, or is gone."""
        if not self.is_open:
            other = self._links.any()
            return await other.ask(packet, host) if other is not None else b""
        if len(self._asked) >= MAX_ASKED:
            return b""
        number = next(self._numbers) & 0xFFFFFFFF
        waiting: Deferred[bytes] = Deferred()
        self._asked[number] = waiting
        self.transport.write(write_linked(LinkedQuery(number, host, packet)))
        late = self._links.reactor.callLater(ASKED_TIME, self._give_up, number)
        answer = await waiting
        if late.active():
            late.cancel()
        return answer

    def _give_up(self, number: int) -> None:
        waiting = self._asked.pop(number, None)
        if waiting is not None:
            waiting.callback(b"")

    async def _answer(self, linked: LinkedMessage) -> None:
        reply = await self._links.requests.over_udp(linked.packet, linked.host, self.ask)
        if self.is_open:
            self.transport.write(write_linked(LinkedReply(linked.number, reply)))

    def _take(self, linked: LinkedConnection) -> None:
        if not self._descriptors:
            raise Malformed("a connection without a descriptor")
        client = Client(linked.host, False, linked.is_tls, linked.has_certificate)
        descriptor = self._descriptors.popleft()
        self._links.connections.take(descriptor, client, self.ask, linked.received)

    def _break(self, fault: str) -> None:
        if self.is_open:
            self.is_open = False
            log.error("a link to an answering process is closed: {fault}", fault=fault)
            self.transport.abortConnection()


class Links:
    """The links to all answering processes."""

    def __init__(self, reactor: Any, requests: Requests, connections: Connections) -> None:
        """Answer messages with `requests`, and continue connections in `connections`."""
        self.reactor = reactor
        self.requests = requests
        self.connections = connections
        self.all: list[Link] = []
        """The links that are open."""

    def open(self, descriptor: int) -> None:
        """Open our end of a link; the descriptor is ours now."""
        adopt(self.reactor, descriptor, Link(self))
        os.close(descriptor)

    def any(self) -> Link | None:
        """Return a link that is open, None if there is none."""
        return next((link for link in self.all if link.is_open), None)

    def close(self) -> None:
        """Close all links."""
        for link in list(self.all):
            link.transport.loseConnection()
