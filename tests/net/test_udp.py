"""DNS over UDP on loopback, without a reactor: the reader is asked to read."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from twisted.python.failure import Failure

from failoverdns.net.sockets import CannotListen, bind, lost_packets
from failoverdns.net.udp import BATCH, UDPReader, WildcardUDPReader


def answer(packet: bytes, host: str) -> bytes | None:
    """The question in capitals; `?` gets none."""
    return packet.upper() if packet != b"?" else None


def make_reader(host: str) -> UDPReader:
    """A reader on a free port of an address."""
    udp, tcp = bind(ip_address(host), 0)
    tcp.close()
    kind = WildcardUDPReader if ip_address(host).is_unspecified else UDPReader
    return kind(udp, answer)


@pytest.fixture(params=["127.0.0.1", "::1", "0.0.0.0", "::"])
def reader(request: pytest.FixtureRequest) -> Iterator[UDPReader]:
    """A reader on each kind of address."""
    made = make_reader(request.param)
    yield made
    made.socket.close()


@pytest.fixture
def client(reader: UDPReader) -> Iterator[socket.socket]:
    """A client that only takes replies from the address that it asked."""
    family = reader.socket.family
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect((address, reader.socket.getsockname()[1]))
        yield sock


def read(reader: UDPReader) -> None:
    """Let the reader read what has arrived."""
    select.select([reader], [], [], 10)
    reader.doRead()


def test_a_packet_gets_its_reply_from_the_address_that_was_asked(
    reader: UDPReader, client: socket.socket
) -> None:
    """IPv4 and IPv6, bound to one address or to all."""
    client.send(b"question")
    read(reader)
    assert client.recv(100) == b"QUESTION"


def test_a_batch_has_an_end(reader: UDPReader, client: socket.socket) -> None:
    """Others get their turn; what is left is read in the next one."""
    for number in range(BATCH + 3):
        client.send(b"q%d" % number)
    read(reader)
    replies = [client.recv(100) for _ in range(BATCH)]
    assert replies[-1] == b"Q%d" % (BATCH - 1)
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)
    read(reader)
    assert client.recv(100) == b"Q%d" % BATCH


def test_what_gets_no_reply_gets_none(reader: UDPReader, client: socket.socket) -> None:
    """And what comes after it does."""
    client.send(b"?")
    client.send(b"x")
    read(reader)
    assert client.recv(100) == b"X"


def test_our_own_address_is_not_answered(reader: UDPReader, client: socket.socket) -> None:
    """A packet that pretends to come from us would be answered for ever."""
    address = client.getpeername()
    reader.socket.sendto(b"loop", address)
    client.send(b"x")
    read(reader)
    assert client.recv(100) == b"X"
    reader.doRead()
    with pytest.raises(BlockingIOError):
        reader.socket.recvfrom(100)


def test_a_reply_that_cannot_be_sent_is_counted_and_forgotten(
    reader: UDPReader, client: socket.socket
) -> None:
    """It never gets as far as the reactor."""
    reader._respond = lambda *_: b"x" * 70000
    client.send(b"question")
    read(reader)
    assert reader.unsent == 1
    reader._respond = answer
    client.send(b"again")
    read(reader)
    assert client.recv(100) == b"AGAIN"


def test_a_client_that_is_gone_harms_nobody(reader: UDPReader, client: socket.socket) -> None:
    """ICMP's "port unreachable" comes back to nobody."""
    client.send(b"question")
    select.select([reader], [], [], 10)
    client.close()
    reader.doRead()
    reader.doRead()


def test_both_transports_are_on_the_same_port() -> None:
    """Port 0 is chosen once."""
    udp, tcp = bind(ip_address("127.0.0.1"), 0)
    assert udp.getsockname() == tcp.getsockname()
    with pytest.raises(CannotListen, match="another program listens there"):
        bind(ip_address("127.0.0.1"), udp.getsockname()[1])
    udp.close()
    tcp.close()


def test_ipv4_and_ipv6_wildcards_share_a_port() -> None:
    """Each has its own socket."""
    udp, tcp = bind(ip_address("0.0.0.0"), 0)
    others = bind(ip_address("::"), udp.getsockname()[1])
    for sock in (udp, tcp, *others):
        sock.close()


def test_a_lost_connection_gives_the_socket_back() -> None:
    """So that its port is free again."""
    reader = make_reader("127.0.0.1")
    reader.connectionLost(Failure(ConnectionError()))
    assert reader.fileno() == -1


@pytest.mark.parametrize(
    ("host", "level", "option"),
    [("127.0.0.1", socket.IPPROTO_IP, 10), ("::1", socket.IPPROTO_IPV6, 23)],
)
def test_replies_are_never_fragmented_on_the_advice_of_strangers(
    host: str, level: int, option: int
) -> None:
    """IP_MTU_DISCOVER and IPV6_MTU_DISCOVER are OMIT (RFC 9715)."""
    reader = make_reader(host)
    assert reader.socket.getsockopt(level, option) == 5
    reader.socket.close()


def test_a_port_that_was_just_used_over_tcp_can_be_used_again() -> None:
    """Connections in TIME-WAIT do not keep a restarted server from its port."""
    udp, tcp = bind(ip_address("127.0.0.1"), 0)
    assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
    assert udp.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0, "two servers would share it"
    udp.close()
    tcp.close()


def test_packets_that_came_too_fast_are_counted(reader: UDPReader, client: socket.socket) -> None:
    """As the kernel counts them: what it had no room for is lost before anybody reads it."""
    assert lost_packets(reader.socket) == 0
    reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(200):
        client.send(bytes(100))
    taken = 0
    reader.socket.setblocking(False)
    while True:
        try:
            reader.socket.recv(200)
        except BlockingIOError:
            break
        taken += 1
    assert lost_packets(reader.socket) == 200 - taken > 0
