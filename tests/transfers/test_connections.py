"""Connections without a network: one message at a time, and clients that are slow or silent."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from failoverdns.transfers.clients import Places
from failoverdns.transfers.connections import MESSAGE_TIME, Connections, TransferConnection
from failoverdns.transfers.requests import Last, Requests, Sending
from failoverdns.transfers.serving import Client
from failoverdns.transfers.settings import TransferSettings
from failoverdns.transfers.transfer_log import TransferLog

IDLE = 10.0


class Transport(StringTransport):
    """A transport whose client reads what was written when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = self.closed = False
        self.paused = False
        self.socket = socket.socket(socket.AF_UNIX)  # for its family
        self.socket.close()

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802
        assert not streaming, "it must ask for each message"
        super().registerProducer(producer, streaming)
        producer.resumeProducing()

    def read(self) -> None:
        """Let the client read all, upon which the next message is asked for."""
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()

    def pauseProducing(self) -> None:  # noqa: N802
        self.paused = True

    def resumeProducing(self) -> None:  # noqa: N802
        self.paused = False

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True

    def loseConnection(self) -> None:  # noqa: N802
        self.closed = True


class Answers(Requests):
    """Requests that are answered with themselves; `zone` gets three messages, `bad` the last."""

    def __init__(self) -> None:
        self.settings = TransferSettings(idle_timeout=IDLE)
        self.made = 0
        self.sent = 0
        self.waiting: Deferred[bytes] | None = None

    async def over_tcp(
        self, message: bytes, client: Client, ask: object, admit: Callable[[], bool]
    ) -> bytes | Sending | Last:
        if message == b"bad":
            return Last(b"error")
        if not admit():
            return Last(b"")
        if message == b"later":
            self.waiting = Deferred()
            return await self.waiting
        if message == b"zone":
            return Sending(self._messages(), "axfr", "failover.test", 7, "key", self._note)
        return message

    def _messages(self) -> Iterator[bytes]:
        for number in range(3):
            self.made += 1
            yield b"message %d" % number

    def _note(self) -> None:
        self.sent += 1


class Wire:
    """A connection that was handed over with some bytes."""

    def __init__(self, received: bytes = b"", *, most: int = 10) -> None:
        self.clock = Clock()
        self.answers = Answers()
        self.places = Places()
        self.places.limit(most)
        self.log = TransferLog(self.clock.seconds)
        self.connections = Connections(self.clock, self.answers, self.log, self.places)
        self.transport = Transport()
        self.connection = TransferConnection(
            self.connections,
            Client("192.0.2.1"),
            None,
            received,  # type: ignore[arg-type]
        )
        self.connection.makeConnection(self.transport)


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


def test_what_was_received_before_is_answered_in_order() -> None:
    wire = Wire(framed(b"one", b"two"))
    assert wire.transport.value() == framed(b"one"), "the next one waits until this one is read"
    wire.transport.read()
    assert wire.transport.value() == framed(b"two")
    wire.transport.read()
    wire.connection.dataReceived(framed(b"three")[:3])
    wire.connection.dataReceived(framed(b"three")[3:])
    assert wire.transport.value() == framed(b"three")


def test_a_thousand_messages_that_arrive_together_are_answered() -> None:
    wire = Wire(framed(*[b""] * 1000, *[b"one"] * 1000))
    for _ in range(1000):
        assert wire.transport.value() == framed(b"one")
        wire.transport.read()
    assert (wire.transport.value(), wire.connection.is_idle) == (b"", True)


def test_the_next_message_of_a_zone_is_made_when_the_client_has_read_the_last_one() -> None:
    wire = Wire(framed(b"zone", b"after"))
    assert (wire.answers.made, wire.transport.value()) == (1, framed(b"message 0"))
    assert wire.transport.paused, "nothing is read meanwhile"
    wire.transport.read()
    assert (wire.answers.made, wire.transport.value()) == (2, framed(b"message 1"))
    wire.transport.read()
    wire.transport.read()
    assert wire.transport.value() == framed(b"after")
    wire.transport.read()
    assert (wire.answers.sent, wire.log.counts["axfr"], wire.transport.paused) == (1, 1, False)


def test_a_client_that_does_not_read_a_message_is_disconnected() -> None:
    wire = Wire(framed(b"zone"))
    wire.clock.advance(MESSAGE_TIME - 1)
    wire.transport.read()
    wire.clock.advance(MESSAGE_TIME - 1)
    assert not wire.transport.aborted
    wire.clock.advance(1)
    assert wire.transport.aborted
    wire.connection.connectionLost()
    assert wire.log.counts["interrupted"] == 1
    assert (len(wire.places), wire.connections.all) == (0, set())
    assert wire.answers.made == 2


def test_a_client_that_asks_nothing_is_disconnected_although_it_sends_byte_by_byte() -> None:
    wire = Wire(framed(b"one"))
    wire.transport.read()
    for _ in range(int(IDLE) - 1):
        wire.clock.advance(1)
        wire.connection.dataReceived(b"\xff")
    assert not wire.transport.closed
    wire.clock.advance(1)
    assert wire.transport.closed


def test_a_connection_is_closed_after_a_request_that_is_not_verified() -> None:
    wire = Wire(framed(b"bad", b"one"))
    assert wire.transport.value() == framed(b"error")
    assert wire.transport.closed
    assert len(wire.places) == 0


def test_a_connection_without_a_place_is_closed() -> None:
    wire = Wire(most=2)
    for _ in range(2):
        wire.places.enter(TransferConnection(wire.connections, Client("192.0.2.9"), None, b""))  # type: ignore[arg-type]
    wire.connection.dataReceived(framed(b"one"))
    assert (wire.transport.value(), wire.transport.closed) == (b"", True)
    assert wire.log.counts["refused"] == 1


def test_a_client_that_has_finished_sending_gets_all_replies() -> None:
    wire = Wire(framed(b"zone", b"one"))
    wire.connection.readConnectionLost()
    assert not wire.transport.closed
    for _ in range(3):
        wire.transport.read()
    assert wire.transport.value() == framed(b"one")
    wire.transport.read()
    assert wire.transport.closed


def test_a_reply_that_comes_after_the_client_has_gone_is_dropped() -> None:
    wire = Wire(framed(b"later"))
    wire.connection.connectionLost()
    assert wire.answers.waiting is not None
    wire.answers.waiting.callback(b"reply")
    assert wire.transport.value() == b""


def test_nothing_is_read_while_a_request_is_answered() -> None:
    wire = Wire(framed(b"one"))
    wire.transport.read()
    assert not wire.transport.paused
    wire.connection.dataReceived(framed(b"later"))
    assert wire.transport.paused
    assert wire.answers.waiting is not None
    wire.answers.waiting.callback(b"reply")
    assert (wire.transport.value(), wire.transport.paused) == (framed(b"reply"), True)
    wire.transport.read()
    assert not wire.transport.paused
