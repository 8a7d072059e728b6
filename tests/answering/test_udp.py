"""DNS over UDP on loopback, without a reactor: the reader is asked to read."""

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
from failoverdns.answering.udp import BATCH, UDPReader, WildcardUDPReader
from failoverdns.net.sockets import CannotListen, bind, lost_packets
from failoverdns.protocol.cookies import CookieSecrets
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.fast_path import make_table
from failoverdns.protocol.table.table import ServedBatch, ServesBatches


def answer(packet: bytes, host: str) -> bytes | None:
    """The question in capitals; `?` gets none."""
    return packet.upper() if packet != b"?" else None


HOSTS = ["127.0.0.1", "::1", "0.0.0.0", "::"]
TABLE = make_table()
TABLE.apply(write_delta(zone("failover.test", "a A 192.0.2.1\nb CNAME a\n")))
SECRETS = CookieSecrets((b"0123456789abcdef",))
IS_COMPILED = isinstance(TABLE, ServesBatches)


def serve(descriptor: int) -> ServedBatch | None:
    """Let C answer what it can, if there was a compiler."""
    return TABLE.serve(descriptor, SECRETS) if isinstance(TABLE, ServesBatches) else None


def make_reader(host: str, *, batches: bool = False) -> UDPReader:
    """A reader on a free port of an address."""
    udp, tcp = bind(ip_address(host), 0)
    tcp.close()
    kind = WildcardUDPReader if ip_address(host).is_unspecified else UDPReader
    return kind(udp, answer, serve if batches else None)


@pytest.fixture(
    params=[(host, batches) for batches in (False, True) for host in HOSTS],
    ids=lambda way: f"{way[0]}{' in batches' if way[1] else ''}",
)
def reader(request: pytest.FixtureRequest) -> Iterator[UDPReader]:
    """A reader on each kind of address, in Python and in C."""
    host, batches = request.param
    if batches and not IS_COMPILED:
        pytest.skip("there was no compiler")
    made = make_reader(host, batches=batches)
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


needs_compiled = pytest.mark.skipif(
    not IS_COMPILED and os.environ.get("CI") != "true", reason="there was no compiler"
)


@pytest.fixture(params=HOSTS)
def batch_reader(request: pytest.FixtureRequest) -> Iterator[UDPReader]:
    """A reader that has something to answer, in batches."""
    made = make_reader(request.param, batches=True)
    made._respond = lambda packet, host: respond(
        TABLE, packet, UDP._replace(host=host), answer_settings(SECRETS)
    )
    yield made
    made.socket.close()


@pytest.fixture
def batch_client(batch_reader: UDPReader) -> Iterator[socket.socket]:
    """A client of that."""
    family = batch_reader.socket.family
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.connect((address, batch_reader.socket.getsockname()[1]))
        yield sock


@needs_compiled
def test_what_is_ready_and_what_is_not_go_out_of_one_turn(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """Each gets the answer that it gets alone, from the address that it asked."""
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
def test_a_cookie_is_for_the_address_that_asks(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """As C has it from the socket, and Python from its text."""
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
    slow = respond(TABLE, packet, Asker(host, True, now, 0.0), answer_settings(SECRETS))
    assert reply == slow


@needs_compiled
def test_several_batches_are_answered_in_a_turn_and_no_more(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """Eight of them: then others get their turn."""
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
def test_a_turn_ends_early_where_python_has_much_to_do(
    batch_reader: UDPReader, batch_client: socket.socket
) -> None:
    """What is not ready takes longer."""
    packet = query("b.failover.test").to_wire()
    for _ in range(2 * BATCH):
        batch_client.send(packet)
    read(batch_reader)
    batch_client.setblocking(False)
    assert _count(batch_client) == BATCH


@needs_compiled
@pytest.mark.parametrize("packet", [b"", b"x", bytes(5000), bytes(12)])
def test_what_is_no_query_is_handed_over_as_it_came(
    batch_reader: UDPReader, batch_client: socket.socket, packet: bytes
) -> None:
    """At most 4096 bytes of it, and the address of its sender as text."""
    seen = []
    batch_reader._respond = lambda *arguments: seen.append(arguments)
    batch_client.send(packet)
    read(batch_reader)
    assert seen == [(packet[:4096], batch_client.getsockname()[0])]


def test_when_every_packet_has_to_be_seen_none_is_answered_in_batches() -> None:
    """With rate limiting, or a query log."""
    udp, tcp = bind(ip_address("127.0.0.1"), 0)
    tcp.close()
    reader = UDPReader(udp, answer, lambda descriptor: None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect(udp.getsockname())
        sock.send(query("a.failover.test").to_wire())
        read(reader)
        assert sock.recv(4096) == query("a.failover.test").to_wire().upper()
    udp.close()


def _count(sock: socket.socket) -> int:
    """Return how many packets wait at a socket."""
    count = 0
    while True:
        try:
            sock.recv(4096)
        except BlockingIOError:
            return count
        count += 1
