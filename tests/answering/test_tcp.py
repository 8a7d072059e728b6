"""DNS over TCP without a network: framing, pipelining, and clients that misbehave."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from failoverdns.answering.link import LinkedConnection
from failoverdns.answering.responding import Answered
from failoverdns.answering.tcp import TCPConnection, TCPFactory
from failoverdns.answering.tcp_clients import (
    MESSAGES_A_TURN,
    MESSAGES_IN_A_ROW,
    TCPClients,
)
from failoverdns.model.settings import TCPSettings
from failoverdns.protocol.query import Signed

IDLE_TIMEOUT = 10
INITIAL_TIMEOUT = 3


class Transport(StringTransport):
    """A transport that records writes and how the connection ends."""

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
    """Return messages, each after two bytes of length."""
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


class Wire:
    """A factory that replies with the question in capitals, and sends no reply to `?`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked: list[bytes] = []
        self.clients = TCPClients(
            self.clock, TCPSettings(IDLE_TIMEOUT, 40, 10, 200_000, INITIAL_TIMEOUT)
        )
        self.factory = TCPFactory(self.clock, self._respond, self.clients, lambda *_: False)

    def _respond(self, message: bytes, host: str) -> bytes | None:
        self.asked.append(message)
        return message.upper() if message != b"?" else None

    def connect(self, host: str = "192.0.2.1") -> tuple[TCPConnection, Transport]:
        connection = self.factory.buildProtocol(IPv4Address("TCP", host, 4711))
        transport = Transport()
        connection.makeConnection(transport)
        return connection, transport


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_each_reply_is_one_write_of_length_and_message(wire: Wire) -> None:
    """A client does not wait for a second packet (RFC 7766 section 8)."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(b"one", b"two"))
    assert transport.writes == [framed(b"ONE"), framed(b"TWO")]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_message_may_arrive_in_pieces(wire: Wire, size: int) -> None:
    """It arrives byte by byte, even its length."""
    connection, transport = wire.connect()
    data = framed(b"hello", b"world")
    for at in range(0, len(data), size):
        connection.dataReceived(data[at : at + size])
    assert b"".join(transport.writes) == framed(b"HELLO", b"WORLD")


def test_a_message_without_a_reply_does_not_end_the_connection(wire: Wire) -> None:
    """Nor does an empty message."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(b"?", b"", b"x"))
    assert wire.asked == [b"?", b"", b"x"]
    assert transport.writes[-1] == framed(b"X")


def test_an_empty_message_is_a_message(wire: Wire) -> None:
    """It is not joined with the next one."""
    connection, _ = wire.connect()
    connection.dataReceived(framed(b""))
    assert wire.asked == [b""]


def test_closing_an_address_closes_its_connections(wire: Wire) -> None:
    """The server stops, or the address is no longer configured."""
    clients = [wire.connect() for _ in range(3)]
    wire.factory.close()
    assert all(transport.disconnecting for _, transport in clients)


def test_the_longest_message_is_answered(wire: Wire) -> None:
    """It has 65,535 bytes."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(b"x" * 65535))
    assert transport.writes == [framed(b"X" * 65535)]


@pytest.mark.parametrize("pieces", [b"", b"\0", b"\0\x09x"])
def test_a_new_connection_without_a_query_is_closed_soon(wire: Wire, pieces: bytes) -> None:
    """It has no query to send, or sends bytes one by one and never a complete message."""
    connection, transport = wire.connect()
    for second in range(INITIAL_TIMEOUT):
        assert not transport.aborted
        connection.dataReceived(pieces[second : second + 1])
        wire.clock.advance(1)
    assert transport.aborted


def test_the_initial_timeout_is_never_longer_than_the_idle_timeout(wire: Wire) -> None:
    wire.clients.limits = TCPSettings(idle_timeout=2)
    _, transport = wire.connect()
    wire.clock.advance(2)
    assert transport.aborted


def test_an_idle_connection_is_closed(wire: Wire) -> None:
    """So is one that sends a byte a second and never a further complete message."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(b"x"))
    for _ in range(int(IDLE_TIMEOUT) - 1):
        wire.clock.advance(1)
        connection.dataReceived(b"\x00" if not connection._buffer else b"\x09")
        assert not transport.aborted
    wire.clock.advance(1)
    assert transport.aborted


def test_a_connection_of_another_process_may_be_idle(wire: Wire) -> None:
    """It may have asked there, so it is not a new one; what had arrived there is answered."""
    connection, transport = wire.connect()
    connection.take_over(framed(b"x")[:2])
    wire.clock.advance(IDLE_TIMEOUT - 1)
    connection.dataReceived(b"x")
    assert transport.writes == [framed(b"X")]
    assert not transport.aborted


def test_messages_without_reply_do_not_extend_the_timeout(wire: Wire) -> None:
    """The client sends responses, or empty messages; before the first query, and after it."""
    for limit, first in ((INITIAL_TIMEOUT, b""), (IDLE_TIMEOUT, framed(b"x"))):
        connection, transport = wire.connect()
        connection.dataReceived(first)
        for _ in range(limit):
            assert not transport.aborted
            wire.clock.advance(1)
            connection.dataReceived(framed(b"?"))
        assert transport.aborted


def test_a_complete_query_restarts_the_timeout(wire: Wire) -> None:
    """The timeout counts from the last one."""
    connection, transport = wire.connect()
    for _ in range(5):
        connection.dataReceived(framed(b"x"))
        wire.clock.advance(IDLE_TIMEOUT - 1)
    assert not transport.aborted


def test_a_client_that_does_not_read_is_not_read_from(wire: Wire) -> None:
    """Its queries wait; after the idle timeout its connection is closed."""
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


def test_one_client_cannot_occupy_the_server(wire: Wire) -> None:
    """Many pipelined queries are answered in order over several turns."""
    connection, transport = wire.connect()
    messages = [b"q%d" % n for n in range(MESSAGES_IN_A_ROW * 2 + 5)]
    connection.dataReceived(framed(*messages))
    assert len(wire.asked) == MESSAGES_IN_A_ROW
    for _ in range(3):
        wire.clock.advance(0)
    assert wire.asked == messages
    assert b"".join(transport.writes) == framed(*(m.upper() for m in messages))


def test_all_clients_together_leave_room_for_udp(wire: Wire) -> None:
    """However many clients ask at once, a turn has an end; they continue in order."""
    clients = [wire.connect(f"192.0.{n}.1") for n in range(20)]
    for number, (connection, _) in enumerate(clients):
        connection.dataReceived(framed(*(b"%d" % number for _ in range(MESSAGES_IN_A_ROW))))
    assert len(wire.asked) == MESSAGES_A_TURN
    wire.clock.advance(0)
    assert len(wire.asked) == 20 * MESSAGES_IN_A_ROW
    served = list(dict.fromkeys(wire.asked))
    assert served == [b"%d" % number for number in range(20)]


def test_a_client_that_waits_for_its_turn_is_not_read_from(wire: Wire) -> None:
    """Otherwise its queries would fill the memory."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(*(b"x" for _ in range(MESSAGES_IN_A_ROW + 1))))
    assert transport.producerState == "paused"
    wire.clock.advance(0)
    assert transport.producerState == "producing"


def test_a_client_that_half_closes_gets_its_replies(wire: Wire) -> None:
    """The connection is closed after all replies are sent."""
    connection, transport = wire.connect()
    connection.dataReceived(framed(*(b"x" for _ in range(MESSAGES_IN_A_ROW + 1))))
    connection.readConnectionLost()
    assert not transport.disconnecting
    wire.clock.advance(0)
    assert len(transport.writes) == MESSAGES_IN_A_ROW + 1
    assert transport.disconnecting


def test_with_too_many_connections_the_longest_idle_one_is_closed(wire: Wire) -> None:
    """Connections in use stay open."""
    clients = [wire.connect(f"192.0.{n}.1") for n in range(40)]
    clients[0][0].dataReceived(framed(b"x"))
    wire.connect("198.51.100.1")
    assert [transport.aborted for _, transport in clients[:3]] == [False, True, False]
    assert (len(wire.clients), wire.clients.evicted) == (40, 1)


def test_one_network_cannot_take_all_connections(wire: Wire) -> None:
    """Its own longest idle connection is closed, not that of another network."""
    _, elsewhere = wire.connect("198.51.100.1")
    clients = [wire.connect(f"192.0.2.{n}") for n in range(1, 12)]
    assert not elsewhere.aborted
    assert [transport.aborted for _, transport in clients] == [True] + [False] * 10


def test_the_bytes_buffered_for_all_clients_are_limited(wire: Wire) -> None:
    """The longest idle connection with buffered bytes is closed; those without stay open."""
    _, idle = wire.connect("198.51.100.1")
    clients = [wire.connect(f"192.0.{n}.1") for n in range(4)]
    for connection, _ in clients:
        connection.dataReceived((65535).to_bytes(2, "big") + bytes(60_000))
    assert [transport.aborted for _, transport in clients] == [True, False, False, False]
    assert not idle.aborted


def test_replies_that_are_not_read_count_as_buffered(wire: Wire) -> None:
    """A client that never reads is disconnected before clients that read."""
    connection, transport = wire.connect()
    transport.write = lambda data: connection.pauseProducing()  # type: ignore[method-assign]
    connection.dataReceived(framed(b"x" * 60_000))
    others = [wire.connect(f"198.51.{n}.1") for n in range(3)]
    for other, _ in others:
        other.dataReceived((65535).to_bytes(2, "big") + bytes(60_000))
    assert transport.aborted
    assert not any(other.aborted for _, other in others)


def test_nothing_is_left_of_a_closed_connection(wire: Wire) -> None:
    """No timer remains but the end of the turn, and no byte is counted."""
    connection, _ = wire.connect()
    connection.dataReceived(framed(*(b"x" for _ in range(MESSAGES_IN_A_ROW + 1))))
    connection.connectionLost()
    wire.clock.advance(0)
    assert wire.clock.getDelayedCalls() == []
    assert len(wire.clients) == 0
    assert len(wire.asked) == MESSAGES_IN_A_ROW


SIGNED = Signed(0x6162, 0, False, b"", None, b"\3key\0")
SERVFAIL = b"ab\x80\2" + bytes(8)


class Leaving(Wire):
    """A factory whose connections leave with the message `signed`, if they are taken."""

    def __init__(self, *, takes: bool) -> None:
        super().__init__()
        self.given: list[LinkedConnection] = []
        self.takes = takes
        self.factory = TCPFactory(self.clock, self._answer, self.clients, self._hand_over)

    def _answer(self, message: bytes, host: str) -> Answered:
        return SIGNED if message == b"signed" else self._respond(message, host)

    def _hand_over(self, connection: LinkedConnection, descriptor: int) -> bool:
        assert descriptor == 99
        self.given.append(connection)
        return self.takes


class Buffering(Transport):
    """A transport whose client has not been sent everything yet."""

    dataBuffer = b"replies"  # noqa: N815
    _tempDataBuffer = ()  # noqa: N815

    def fileno(self) -> int:
        return 99


def leaving(*, takes: bool) -> tuple[Leaving, TCPConnection, Buffering]:
    """Return a client that has asked twice, then signed, then asked again."""
    wire, transport = Leaving(takes=takes), Buffering()
    connection = wire.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4711))
    connection.makeConnection(transport)
    connection.dataReceived(framed(b"one", b"two", b"signed", b"three"))
    return wire, connection, transport


def flush(wire: Leaving, transport: Buffering) -> None:
    """Send everything that waits to the client."""
    transport.dataBuffer = b""
    producer = transport.producer
    assert producer is not None
    producer.resumeProducing()
    wire.clock.advance(0)


def test_a_connection_leaves_when_its_client_was_sent_all_earlier_replies() -> None:
    """So replies stay in order; until then nothing more is read."""
    wire, connection, transport = leaving(takes=False)
    assert transport.writes == [framed(b"ONE"), framed(b"TWO")]
    assert transport.producerState == "paused"
    assert transport.producer is not None
    transport.producer.resumeProducing()
    wire.clock.advance(0)
    connection.resume()
    assert not wire.given
    flush(wire, transport)
    assert wire.given == [LinkedConnection("192.0.2.1", framed(b"signed", b"three"))]


def test_a_connection_that_cannot_leave_continues_here() -> None:
    """The signed message gets SERVFAIL, and those after it are answered."""
    wire, connection, transport = leaving(takes=False)
    flush(wire, transport)
    assert transport.writes[2:] == [framed(SERVFAIL), framed(b"THREE")]
    assert transport.producerState == "producing"
    connection.dataReceived(framed(b"four"))
    assert transport.writes[4:] == [framed(b"FOUR")]


def test_a_client_that_goes_before_its_connection_leaves_is_forgotten() -> None:
    """It did not read its replies in time."""
    wire, connection, transport = leaving(takes=True)
    wire.clock.advance(IDLE_TIMEOUT)
    assert transport.aborted
    connection.connectionLost()
    flush(wire, transport)
    assert not wire.given
    assert len(wire.clients) == 0
