"""What is signed with a known key leaves for the transfer process, over a link, within bounds.

    over UDP   the message leaves; its reply comes back and goes out by the socket that was asked
    over TCP   the connection leaves, with what its client has sent and nobody has answered
    no link    the transfer process does not run: SERVFAIL

Anybody can name a key that is known, and sign with another secret.  So what leaves is bounded, and
configured secondaries have places and rates that others cannot take:

    a secondary         by its address: `SECONDARY` messages a second
    everybody else      by network: `NETWORK` messages a second; all of them: `OTHERS` a second
    waiting for a reply `MOST` messages, at most `MOST_OTHERS` of them not from secondaries

What is over a bound gets SERVFAIL, and so does what waits when the link breaks.  A message that the
transfer process leaves unanswered for `PATIENCE` seconds gives its place back.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.answering.link import (
    FROM_TRANSFERS,
    MAX_RECEIVED,
    Linked,
    LinkedAnswer,
    LinkedConnection,
    LinkedMessage,
    LinkedQuery,
    LinkedReply,
    LinkReader,
    write_linked,
)
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.net.adopting import adopt
from failoverdns.net.detaching import is_flushed
from failoverdns.net.prefixes import address_of, prefix_of
from failoverdns.net.token_bucket import TokenBucket, TokenBuckets

MOST: Final = 256
"""Messages that wait for a reply of the transfer process."""

MOST_OTHERS: Final = 64
"""Messages of these that are not from addresses of configured secondaries."""

SECONDARY: Final = (500.0, 1000.0)
"""Messages and connections a second of the address of a secondary, and at once."""

NETWORK: Final = (50.0, 200.0)
"""Messages and connections a second of a network (/24, /56) without a secondary, and at once."""

OTHERS: Final = (500.0, 1000.0)
"""Messages and connections a second of all these networks together, and at once."""

PATIENCE: Final = 10.0
"""Seconds after which no client waits for a reply any more."""

Done = Callable[[bytes | None], None]
"""Gets the reply to a message, empty to send nothing; None if nobody could be asked."""

log = Logger()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message that waits for a reply."""

    done: Done
    until: float
    is_secondary: bool


class Forwarding:
    """The link to the transfer process, and the messages that wait for a reply on it."""

    def __init__(self, reactor: Any, answer: Callable[[bytes, str], bytes]) -> None:
        """Begin without a link.

        `answer` returns the answer to a verified query (message, address), as over TCP.
        """
        self._reactor = reactor
        self._answer = answer
        self._link: _Link | None = None
        self._secondaries: frozenset[bytes] = frozenset()
        self._waiting: dict[int, _Waiting] = {}
        self._waiting_others = 0
        self._number = 0
        self._of_secondaries: TokenBuckets[bytes] = TokenBuckets(*SECONDARY)
        self._of_networks: TokenBuckets[bytes] = TokenBuckets(*NETWORK)
        self._of_others = TokenBucket(*OTHERS)
        self.forwarded = self.refused = 0
        """Numbers of messages and connections that left, and that did not."""

    def configure(self, secondaries: Iterable[str]) -> None:
        """Keep places for the addresses of these secondaries from now on."""
        self._secondaries = frozenset(map(address_of, secondaries))

    def connect(self, descriptor: int) -> None:
        """Use a connected Unix socket as the link, in place of the one before; it is ours now."""
        self.disconnect()
        link = self._link = _Link(self._take, self._lose)
        adopt(self._reactor, descriptor, link)
        os.close(descriptor)  # the reactor has a duplicate

    def disconnect(self) -> None:
        """Close the link; messages that wait get SERVFAIL."""
        link, self._link = self._link, None
        if link is not None:
            link.transport.abortConnection()
            self._give_up()

    def ask(self, packet: bytes, host: str, done: Done) -> None:
        """Send a message that arrived over UDP, and call `done` once; perhaps at once."""
        now, is_secondary = self._reactor.seconds(), self.is_secondary(host)
        self._forget_old(now)
        has_place = len(self._waiting) < MOST and (
            is_secondary or self._waiting_others < MOST_OTHERS
        )
        if self._link is None or not has_place or not self._may_leave(host, is_secondary, now):
            self.refused += 1
            done(None)
            return
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._waiting[self._number] = _Waiting(done, now + PATIENCE, is_secondary)
        self._waiting_others += not is_secondary
        self.forwarded += 1
        self._link.send(LinkedMessage(self._number, host, packet))

    def hand_over(self, connection: LinkedConnection, descriptor: int) -> bool:
        """Send a connection; return whether it has left, so that the caller closes its copy."""
        now, is_secondary = self._reactor.seconds(), self.is_secondary(connection.host)
        may_leave = self._link is not None and self._may_leave(connection.host, is_secondary, now)
        if self._link is None or not may_leave or not self._link.give(connection, descriptor):
            self.refused += 1
            return False
        self.forwarded += 1
        return True

    def report(self) -> dict[str, Json]:
        """Return the counts of what was handed over, for `status`."""
        return {
            "links": int(self._link is not None),
            "waiting": len(self._waiting),
            "forwarded": self.forwarded,
            "refused": self.refused,
        }

    def is_secondary(self, host: str) -> bool:
        """Return whether this is the address of a configured secondary."""
        return bool(self._secondaries) and address_of(host) in self._secondaries

    def _may_leave(self, host: str, is_secondary: bool, now: float) -> bool:
        """Return whether a client is below its rate, and count it."""
        if is_secondary:
            return self._of_secondaries.take(address_of(host), now)
        return self._of_networks.take(prefix_of(host), now) and self._of_others.take(now)

    def _forget_old(self, now: float) -> None:
        """Give up messages that have waited too long; they are in the order of their arrival."""
        while self._waiting:
            number, oldest = next(iter(self._waiting.items()))
            if oldest.until > now:
                return
            self._finish(number, b"")

    def _finish(self, number: int, reply: bytes | None) -> None:
        """Pass on the reply to a message, unless it does not wait any more."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            self._waiting_others -= not waiting.is_secondary
            waiting.done(reply)

    def _take(self, link: _Link, linked: Linked) -> None:
        """Take what the transfer process sends."""
        match linked:
            case LinkedReply(number, message):
                self._finish(number, message)
            case LinkedQuery(number, host, packet):
                link.send(LinkedAnswer(number, self._answer(packet, host)))

    def _lose(self, link: _Link) -> None:
        """Note that a link has ended."""
        if link is self._link:
            self._link = None
            self._give_up()

    def _give_up(self) -> None:
        for number in list(self._waiting):
            self._finish(number, None)


class _Link(Protocol):
    """Our end of the link."""

    transport: Any

    def __init__(
        self, take: Callable[[_Link, Linked], None], lost: Callable[[_Link], None]
    ) -> None:
        self._take = take
        self._lost = lost
        self._reader = LinkReader(FROM_TRANSFERS)

    def send(self, linked: Linked) -> None:
        """Send a frame."""
        self.transport.write(write_linked(linked))

    def give(self, connection: LinkedConnection, descriptor: int) -> bool:
        """Send a frame and a copy of a descriptor at once; return whether there was room for it."""
        frame, transport = write_linked(connection), self.transport
        if len(connection.received) > MAX_RECEIVED:
            return False
        if not is_flushed(transport):
            transport.doWrite()  # what was sent before in this turn of the reactor
        if not is_flushed(transport):
            return False
        try:
            sent = socket.send_fds(transport.socket, [frame], [descriptor], socket.MSG_DONTWAIT)
        except OSError:
            return False
        if sent < len(frame):
            transport.write(frame[sent:])
        return True

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take received bytes."""
        try:
            for linked in self._reader.feed(data):
                self._take(self, linked)
        except Malformed as fault:
            log.error("the link to the transfer process is closed: {fault}", fault=str(fault))
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Report the end."""
        self._lost(self)
