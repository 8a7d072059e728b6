"""DNS over TCP without a network: framing, pipelining, and clients that misbehave."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from failoverdns.net.tcp import (
    IDLE_TIMEOUT,
    MAX_CONNECTIONS,
    MESSAGES_A_TURN,
    TCPConnection,
    TCPFactory,
)


class Transport(StringTransport):
    """A transport that counts writes and notes how it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802
        pass


def framed(*messages: bytes) -> bytes:
    """Messages, each after two bytes of length."""
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


class Wire:
    """A factory whose answer is the question in capitals; `?` gets none."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked: list[bytes] = []
        self.factory = TCPFactory(self.clock, self._respond)

    def _respond(self, message: bytes) -> bytes | None:
        self.asked.append(message)
        return message.upper() if message != b"?" else None

    def connect(self) -> tuple[TCPConnection, Transport]:
        connection = self.factory.buildProtocol(None)
        transport = Transport()
        connection.makeConnection(transport)
        return connection, transport


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_each_reply_is_one_write_of_length_and_message(wire: Wire) -> None:
    """So that no client waits for a second packet (RFC 7766 section 8)."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(b"one", b"two"))
    assert transport.writes == [framed(b"ONE"), framed(b"TWO")]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_message_may_come_in_pieces(wire: Wire, size: int) -> None:
    """Byte by byte, the length itself torn."""
    connection, transport = wire.connect()
    data = framed(b"hello", b"world")
    for at in range(0, len(data), size):
        connection.dataReceived(data[at : at + size])
    assert b"".join(transport.writes) == framed(b"HELLO", b"WORLD")


def test_a_message_without_a_reply_does_not_end_the_connection(wire: Wire) -> None:
    """Nor does one of no bytes at all."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(b"?", b"", b"x"))
    assert wire.asked == [b"?", b"", b"x"]
    assert transport.writes[-1] == framed(b"X")


def test_a_message_of_no_bytes_is_a_message(wire: Wire) -> None:
    """It is not kept for the next one."""
    connection, _ = wire.connect()
    connection.dataReceived(framed(b""))
    assert wire.asked == [b""]


def test_closing_lets_every_client_go(wire: Wire) -> None:
    """When the server stops, or the address is no longer wanted."""
    clients = [wire.connect() for _ in range(3)]
    wire.factory.close()
    assert all(transport.disconnecting for _, transport in clients)


def test_the_longest_message_is_taken(wire: Wire) -> None:
    """65,535 bytes."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(b"x" * 65535))
    assert transport.writes == [framed(b"X" * 65535)]


def test_an_idle_client_is_let_go(wire: Wire) -> None:
    """Also one that sends a byte a second and never a whole message."""
    connection, transport = wire.connect()
    for _ in range(int(IDLE_TIMEOUT) - 1):
        wire.clock.advance(1)
        connection.dataReceived(b"\x00" if not connection._buffer else b"\x09")
        assert not transport.aborted
    wire.clock.advance(1)
    assert transport.aborted


def test_a_whole_query_gives_more_time(wire: Wire) -> None:
    """The time counts from the last one."""
    connection, transport = wire.connect()
    for _ in range(5):
        wire.clock.advance(IDLE_TIMEOUT - 1)
        connection.dataReceived(framed(b"x"))
    assert not transport.aborted


def test_a_client_that_does_not_read_is_not_read_from(wire: Wire) -> None:
    """Its queries wait; after the idle time it is let go."""
    connection, transport = wire.connect()
    connection.pauseProducing()
    connection.dataReceived(framed(b"x"))
    assert wire.asked == []
    assert transport.producerState == "paused"
    connection.resumeProducing()
    assert transport.producerState == "producing"
    assert wire.asked == [b"x"]
    connection.pauseProducing()
    wire.clock.advance(IDLE_TIMEOUT)
    assert transport.aborted


def test_one_client_does_not_have_the_server_to_itself(wire: Wire) -> None:
    """Many pipelined queries are answered over several turns, all of them, in order."""
    connection, transport = wire.connect()
    messages = [b"q%d" % n for n in range(MESSAGES_A_TURN * 2 + 5)]
    connection.dataReceived(framed(*messages))
    assert len(wire.asked) == MESSAGES_A_TURN
    for _ in range(3):
        wire.clock.advance(0)
    assert wire.asked == messages
    assert b"".join(transport.writes) == framed(*(m.upper() for m in messages))


def test_a_client_that_half_closes_gets_its_replies(wire: Wire) -> None:
    """Then the connection ends, once all are sent."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(*(b"x" for _ in range(MESSAGES_A_TURN + 1))))
    connection.readConnectionLost()
    assert not transport.disconnecting
    wire.clock.advance(0)
    assert len(transport.writes) == MESSAGES_A_TURN + 1
    assert transport.disconnecting


def test_when_there_are_too_many_the_longest_idle_goes(wire: Wire) -> None:
    """Those that ask stay."""
    clients = [wire.connect() for _ in range(MAX_CONNECTIONS)]
    clients[0][0].dataReceived(framed(b"x"))
    wire.connect()
    assert [transport.aborted for _, transport in clients[:3]] == [False, True, False]


def test_a_client_that_is_gone_is_forgotten(wire: Wire) -> None:
    """No timer is left behind."""
    connection, _ = wire.connect()
    connection.dataReceived(framed(*(b"x" for _ in range(MESSAGES_A_TURN + 1))))
    connection.connectionLost()
    assert wire.clock.getDelayedCalls() == []
