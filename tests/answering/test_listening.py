"""TCP connections that move from one process to another: no client notices, no query is lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from heads import reactor, turn_until
from twisted.internet.defer import Deferred

from failoverdns.answering.link import LinkedConnection
from failoverdns.answering.listening import Listeners
from failoverdns.answering.responding import Answered
from failoverdns.model.settings import ListenAddress, TCPSettings
from failoverdns.net.sockets import bind
from failoverdns.protocol.query import Signed

ASKED = ListenAddress(ip_address("127.0.0.1"), 0)
SIGNED = Signed(0x6162, 0, False, b"", None, b"\3key\0")
SERVFAIL = b"ab\x80\2" + bytes(8)
LIMITS = TCPSettings(10, 100, 100, 1_000_000)


class Process:
    """Listeners as one process has them, which reply with their name and the query."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.given: list[tuple[LinkedConnection, int]] = []
        """The connections that were handed over, and copies of their descriptors."""
        self.takes = True
        self.listeners = Listeners(reactor(), self, LIMITS, None)

    def answer(self, packet: bytes, host: str, *, udp: bool) -> Answered:
        if packet.startswith(b"signed"):
            return SIGNED
        return self.name + b" " + packet[:20] + bytes(len(packet) - 20 if packet[:1] == b"L" else 0)

    def ask(self, signed: Signed, packet: bytes, host: str, send: Callable[[bytes], None]) -> None:
        send(b"asked for " + packet)

    def is_secondary(self, host: str) -> bool:
        return False

    def hand_over(self, connection: LinkedConnection, descriptor: int) -> bool:
        if self.takes:
            self.given.append((connection, os.dup(descriptor)))
        return self.takes


@pytest.fixture
def processes() -> Iterator[tuple[Process, Process, int]]:
    """Return two processes on the same sockets, the first of which listens, and the port."""
    old, new = Process(b"old"), Process(b"new")
    udp, tcp = bind(ASKED.host, 0)
    port = tcp.getsockname()[1]
    copies = udp.dup(), tcp.dup()
    old.listeners.open(1, ASKED, (udp, tcp))
    new.listeners.open(7, ASKED, copies)
    yield old, new, port
    for process in (old, new):
        process.listeners.close_all()
        turn_until(lambda process=process: not len(process.listeners.tcp_clients))


def move(old: Process, new: Process) -> int:
    """Move all connections; return their number."""
    done: list[Any] = []
    Deferred.fromCoroutine(old.listeners.release()).addBoth(done.append)
    turn_until(lambda: bool(done))
    new.listeners.take(done[0])
    return len(done[0])


def connected(port: int, process: Process) -> socket.socket:
    """Connect, and wait until the process has accepted."""
    before = len(process.listeners.tcp_clients)
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setblocking(False)
    turn_until(lambda: len(process.listeners.tcp_clients) > before)
    return sock


def received(sock: socket.socket, size: int) -> bytes:
    """Receive so many bytes while the reactor turns."""
    data = b""

    def read() -> bool:
        nonlocal data
        try:
            data += sock.recv(size - len(data))
        except BlockingIOError:
            return False
        return len(data) >= size

    turn_until(read)
    return data


def accepting(old: Process, new: Process) -> None:
    """Let only the old process accept connections."""
    for listener in new.listeners._open.values():
        listener.tcp.stopReading()


def test_connections_continue_in_another_process(processes: tuple[Process, Process, int]) -> None:
    """An idle one, one with half a query, and one whose reply was not read yet."""
    old, new, port = processes
    accepting(old, new)
    idle, half, unread, gone = (connected(port, old) for _ in range(4))
    half.sendall(b"\0\x04ab")
    unread.sendall(b"\0\x01x")
    turn_until(lambda: _readable(unread))
    gone.close()
    turn_until(lambda: len(old.listeners.tcp_clients) == 3)
    assert move(old, new) == 3
    assert len(old.listeners.tcp_clients) == 0
    assert len(new.listeners.tcp_clients) == 3
    half.sendall(b"cd")
    idle.sendall(b"\0\x02hi")
    unread.sendall(b"\0\x01y")
    assert received(half, 10) == b"\0\x08new abcd"
    assert received(idle, 8) == b"\0\x06new hi"
    assert received(unread, 14) == b"\0\x05old x\0\x05new y"
    for sock in (idle, half, unread):
        sock.close()


def _readable(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_queries_that_arrive_during_the_move_are_answered(
    processes: tuple[Process, Process, int],
) -> None:
    old, new, port = processes
    accepting(old, new)
    with connected(port, old) as sock:
        done: list[Any] = []
        sock.sendall(b"\0\x03one")
        Deferred.fromCoroutine(old.listeners.release()).addBoth(done.append)
        sock.sendall(b"\0\x03two\0\x05thr")
        turn_until(lambda: bool(done))
        new.listeners.take(done[0])
        sock.sendall(b"ee")
        assert received(sock, 29) == b"\0\x07new one\0\x07new two\0\x09new three"


def test_a_client_that_does_not_read_is_left_behind(
    processes: tuple[Process, Process, int],
) -> None:
    """It gets its replies, then the connection is closed."""
    old, new, port = processes
    accepting(old, new)
    with connected(port, old) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        query = b"L" * 60000
        sent = 0
        for _ in range(200):
            try:
                sent += sock.send(len(query).to_bytes(2, "big") + query)
            except BlockingIOError:
                break
            reactor().iterate(0.001)
        assert move(old, new) == 0
        assert len(old.listeners.tcp_clients) == 1


def test_a_connection_to_an_address_that_is_not_served_any_more_is_closed(
    processes: tuple[Process, Process, int],
) -> None:
    old, new, port = processes
    accepting(old, new)
    with connected(port, old) as sock:
        new.listeners.close_all()
        assert move(old, new) == 1
        sock.settimeout(5)
        sock.setblocking(True)
        assert sock.recv(1) == b""


def test_queries_that_have_arrived_are_answered_before_a_stop(
    processes: tuple[Process, Process, int],
) -> None:
    """Over UDP and TCP, also those that were not read yet."""
    old, new, port = processes
    new.listeners.close_all()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        connected(port, old) as tcp,
    ):
        udp.settimeout(5)
        udp.connect(("127.0.0.1", port))
        for number in range(200):
            udp.send(b"%03d" % number)
        tcp.sendall(b"\0\x03one\0\x03two")
        old.listeners.close_all()
        assert [udp.recv(100) for _ in range(200)] == [b"old %03d" % n for n in range(200)]
        assert received(tcp, 18) == b"\0\x07old one\0\x07old two"


def framed(*messages: bytes) -> bytes:
    """Return messages, each after two bytes of length."""
    return b"".join(len(one).to_bytes(2, "big") + one for one in messages)


def test_a_connection_with_a_signed_message_leaves_with_what_is_not_answered(
    processes: tuple[Process, Process, int],
) -> None:
    """Messages before the signed one are answered; from it on, the next process has them all."""
    old, new, port = processes
    accepting(old, new)
    with connected(port, old) as sock:
        sock.sendall(framed(b"one", b"signed", b"two") + b"\0\x09half")
        turn_until(lambda: bool(old.given))
        ((connection, descriptor),) = old.given
        with socket.socket(fileno=descriptor) as theirs:
            rest = framed(b"signed", b"two") + b"\0\x09half"
            assert connection == LinkedConnection("127.0.0.1", rest)
            assert received(sock, 9) == framed(b"old one")
            assert len(old.listeners.tcp_clients) == 0
            sock.sendall(b"more")
            assert theirs.recv(10) == b"more"
            theirs.sendall(b"reply")
            assert received(sock, 5) == b"reply"


def test_a_connection_that_cannot_leave_is_answered_here(
    processes: tuple[Process, Process, int],
) -> None:
    """The signed message gets SERVFAIL, the next ones their answers."""
    old, new, port = processes
    accepting(old, new)
    old.takes = False
    with connected(port, old) as sock:
        sock.sendall(framed(b"one", b"signed", b"two", b"signed"))
        expected = framed(b"old one", SERVFAIL, b"old two", SERVFAIL)
        assert received(sock, len(expected)) == expected
        assert len(old.listeners.tcp_clients) == 1


def test_a_client_that_has_finished_sending_leaves_too(
    processes: tuple[Process, Process, int],
) -> None:
    """`dig` and others close their side before they read."""
    old, new, port = processes
    accepting(old, new)
    with connected(port, old) as sock:
        sock.sendall(framed(b"signed"))
        sock.shutdown(socket.SHUT_WR)
        turn_until(lambda: bool(old.given))
        ((connection, descriptor),) = old.given
        with socket.socket(fileno=descriptor) as theirs:
            assert connection.received == framed(b"signed")
            assert theirs.recv(1) == b""
            theirs.sendall(b"reply")
        assert received(sock, 5) == b"reply"
