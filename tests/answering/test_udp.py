"""DNS over UDP on loopback, without a reactor: the tests call the reader."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from tables import UDP, answer_settings, query, respond, zone
from twisted.python.failure import Failure

from failoverdns.answering.responding import Asker
from failoverdns.answering.udp import BATCH, REFLECTING_PORTS, UDPReader, WildcardUDPReader
from failoverdns.net.sockets import CannotListen, bind, lost_packets
from failoverdns.protocol.cookies import CookieSecrets
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.fast_path import make_table
from failoverdns.protocol.table.table import ServedBatch, ServesBatches


def answer(packet: bytes, host: str) -> bytes | None:
    """Reply with the question in capitals; send no reply to `?`."""
    return packet.upper() if packet != b"?" else None


HOSTS = ["127.0.0.1", "::1", "0.0.0.0", "::"]
TABLE = make_table()
TABLE.apply(write_delta(zone("failover.test", "a A 192.0.2.1\nb CNAME a\n")))
SECRETS = CookieSecrets((b"0123456789abcdef",))
IS_COMPILED = isinstance(TABLE, ServesBatches)


def serve(descriptor: int) -> ServedBatch | None:
    """Let C answer if the extension was built."""
    return TABLE.serve(descriptor, SECRETS, None) if isinstance(TABLE, ServesBatches) else None


def make_reader(host: str, *, batches: bool = False) -> UDPReader:
    """Return a reader on a free port of an address."""
    udp, tcp = bind(ip_address(host), 0)
    tcp.close()
    kind = WildcardUDPReader if ip_address(host).is_unspecified else UDPReader
    return kind(udp, answer, serve if batches else None, lambda *_: None)


@pytest.fixture(
    params=[(host, batches) for batches in (False, True) for host in HOSTS],
    ids=lambda way: f"{way[0]}{' in batches' if way[1] else ''}",
)
def reader(request: pytest.FixtureRequest) -> Iterator[UDPReader]:
    """Return a reader on each kind of address, in Python and in C."""
    host, batches = request.param
    if batches and not IS_COMPILED:
        pytest.skip("the extension was not built")
    made = make_reader(host, batches=batches)
    yield made
    made.socket.close()


@pytest.fixture
def client(reader: UDPReader) -> Iterator[socket.socket]:
    """Return a client that accepts replies only from the address that it asked."""
    family = reader.socket.family
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect((address, reader.socket.getsockname()[1]))
        yield sock


def read(reader: UDPReader) -> None:
    """Let the reader read the packets that have arrived."""
    select.select([reader], [], [], 10)
    reader.doRead()


def test_a_packet_gets_its_reply_from_the_address_that_was_asked(
    reader: UDPReader, client: socket.socket
) -> None:
    """Over IPv4 and IPv6, on sockets bound to one address or to all."""
    client.send(b"question")
    read(reader)
    assert client.recv(100) == b"QUESTION"


def test_a_turn_reads_a_limited_number_of_packets(reader: UDPReader, client: socket.socket) -> None:
    """The others are read in the next turn."""
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


def test_a_packet_may_get_no_reply(reader: UDPReader, client: socket.socket) -> None:
    """The packets after it are answered."""
    client.send(b"?")
    client.send(b"x")
    read(reader)
    assert client.recv(100) == b"X"


def test_packets_from_our_own_address_are_not_answered(
    reader: UDPReader, client: socket.socket
) -> None:
    """A reply to a packet with our own address would be answered for ever."""
    address = client.getpeername()
    reader.socket.sendto(b"loop", address)
    client.send(b"x")
    read(reader)
    assert client.recv(100) == b"X"
    reader.doRead()
    with pytest.raises(BlockingIOError):
        reader.socket.recvfrom(100)


@pytest.mark.skipif(
    os.geteuid() != 0 and os.environ.get("CI") != "true", reason="only root can send from them"
)
def test_services_that_answer_anything_get_no_reply(
    reader: UDPReader, client: socket.socket
) -> None:
    """Chargen, for one, would answer the reply, and so on for ever; the packet would be forged."""
    address, sent = client.getpeername(), 0
    for port in sorted(REFLECTING_PORTS - {0}):
        with socket.socket(client.family, socket.SOCK_DGRAM) as service:
            # The same test for another address may run in a second process.
            service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            service.bind((client.getsockname()[0], port))
            service.settimeout(0.02)
            service.sendto(query("a.failover.test").to_wire(), address)
            service.sendto(b"!#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJK", address)
            sent += 2
            read(reader)
            with pytest.raises(TimeoutError):
                service.recv(4096)
    assert sent == 16
    client.send(b"x")
    read(reader)
    assert client.recv(100) == b"X", "others are still answered"


def test_c_and_python_answer_the_same_ports() -> None:
    """There is one list in each, because each must do without the other."""
    native = pytest.importorskip("failoverdns._native")
    in_c = {port for port in range(1 << 16) if native.is_reflecting_port(port)}
    assert in_c == REFLECTING_PORTS


def test_a_reply_that_cannot_be_sent_is_counted(reader: UDPReader, client: socket.socket) -> None:
    """The error does not reach the reactor."""
    reader._respond = lambda *_: b"x" * 70000
    client.send(b"question")
    read(reader)
    assert reader.unsent == 1
    reader._respond = answer
    client.send(b"again")
    read(reader)
    assert client.recv(100) == b"AGAIN"


def test_a_client_that_has_closed_its_socket_harms_no_other(
    reader: UDPReader, client: socket.socket
) -> None:
    """The ICMP error "port unreachable" is ignored."""
    client.send(b"question")
    select.select([reader], [], [], 10)
    client.close()
    reader.doRead()
    reader.doRead()


def test_both_transports_are_on_the_same_port() -> None:
    """For port 0 the kernel chooses one port for both."""
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


def test_a_reader_that_loses_its_connection_closes_its_socket() -> None:
    """Its port is free again."""
    reader = make_reader("127.0.0.1")
    reader.connectionLost(Failure(ConnectionError()))
    assert reader.fileno() == -1


@pytest.mark.parametrize(
    ("host", "level", "option"),
    [("127.0.0.1", socket.IPPROTO_IP, 10), ("::1", socket.IPPROTO_IPV6, 23)],
)
def test_replies_are_never_fragmented_because_of_icmp_messages(
    host: str, level: int, option: int
) -> None:
    """IP_MTU_DISCOVER and IPV6_MTU_DISCOVER are OMIT (RFC 9715)."""
    reader = make_reader(host)
    assert reader.socket.getsockopt(level, option) == 5
    reader.socket.close()


def test_a_port_that_was_just_used_over_tcp_can_be_used_again() -> None:
    """Connections in TIME-WAIT do not block the port of a restarted server."""
    udp, tcp = bind(ip_address("127.0.0.1"), 0)
    assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
    assert udp.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0, "two servers would share it"
    udp.close()
    tcp.close()


def test_packets_that_arrive_too_fast_are_counted(reader: UDPReader, client: socket.socket) -> None:
    """The kernel counts the packets that it drops because the socket is full."""
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


needs_compiled = pytest.mark.skipif(
    not IS_COMPILED and os.environ.get("CI") != "true", reason="the extension was not built"
)


@pytest.fixture(params=HOSTS)
def batch_reader(request: pytest.FixtureRequest) -> Iterator[UDPReader]:
    """Return a reader with a table that answers in batches."""
    made = make_reader(request.param, batches=True)
    made._respond = lambda packet, host: respond(
        TABLE, packet, UDP._replace(host=host), answer_settings(SECRETS)
    )
    yield made
    made.socket.close()


@pytest.fixture
def batch_client(batch_reader: UDPReader) -> Iterator[socket.socket]:
    """Return a client of `batch_reader`."""
    family = batch_reader.socket.family
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.connect((address, batch_reader.socket.getsockname()[1]))
        yield sock


@needs_compiled
def test_ready_and_other_answers_are_sent_in_the_same_turn(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """Each client gets the same answer as alone, from the address that it asked."""
    questions = [query(f"{owner}.failover.test") for owner in ("a", "b", "none", "a", "b")]
    questions.append(query("elsewhere.test"))
    for number, question in enumerate(questions):
        question.id = number
        batch_client.send(question.to_wire())
    read(batch_reader)
    replies = sorted(batch_client.recv(4096) for _ in questions)
    expected = [respond(TABLE, question.to_wire(), UDP) for question in questions]
    assert replies == expected
    assert batch_reader.unsent == 0


@needs_compiled
def test_a_cookie_is_made_for_the_address_of_the_client(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """C takes the address from the socket, Python from its text."""
    packet = query("a.failover.test", payload=1232).to_wire()[:-2] + b"\0\x0c\0\x0a\0\x08abcdefgh"
    batch_client.send(packet)
    read(batch_reader)
    reply = batch_client.recv(4096)
    batch_client.send(packet[:-14] + b"\0\x1c" + reply[-28:])
    read(batch_reader)
    again = batch_client.recv(4096)
    assert again == reply, "it is valid, and young"
    host = batch_client.getsockname()[0]
    now = int.from_bytes(reply[-12:-8], "big")
    slow = respond(TABLE, packet, Asker(host, True, now, 0), answer_settings(SECRETS))
    assert reply == slow


@needs_compiled
def test_at_most_eight_batches_are_answered_in_a_turn(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """Then other sockets get their turn."""
    batch_reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    packet = query("a.failover.test").to_wire()
    for _ in range(8 * BATCH + 3):
        batch_client.send(packet)
    read(batch_reader)
    batch_client.setblocking(False)
    assert _count(batch_client) == 8 * BATCH
    read(batch_reader)
    assert _count(batch_client) == 3


@needs_compiled
def test_a_turn_ends_early_if_many_packets_are_left_to_python(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """Packets without a ready answer take longer."""
    packet = query("b.failover.test").to_wire()
    for _ in range(2 * BATCH):
        batch_client.send(packet)
    read(batch_reader)
    batch_client.setblocking(False)
    assert _count(batch_client) == BATCH


@needs_compiled
@pytest.mark.parametrize("packet", [b"", b"x", bytes(5000), bytes(12)])
def test_a_packet_that_is_not_a_query_is_passed_to_python_unchanged(
    batch_reader: UDPReader, batch_client: socket.socket, packet: bytes
) -> None:
    """At most 4096 bytes of it, with the address of its sender as text."""
    seen = []
    batch_reader._respond = lambda *arguments: seen.append(arguments)
    batch_client.send(packet)
    read(batch_reader)
    assert seen == [(packet[:4096], batch_client.getsockname()[0])]


def test_nothing_is_answered_in_batches_if_python_must_answer_every_packet() -> None:
    """That is the case with a query log."""
    udp, tcp = bind(ip_address("127.0.0.1"), 0)
    tcp.close()
    reader = UDPReader(udp, answer, lambda descriptor: None, lambda *_: None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect(udp.getsockname())
        sock.send(query("a.failover.test").to_wire())
        read(reader)
        assert sock.recv(4096) == query("a.failover.test").to_wire().upper()
    udp.close()


def _count(sock: socket.socket) -> int:
    """Return the number of packets that wait at a socket."""
    count = 0
    while True:
        try:
            sock.recv(4096)
        except BlockingIOError:
            return count
        count += 1
