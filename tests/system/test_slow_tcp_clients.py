"""TCP clients that are idle, slow or never read: dig is answered all the time."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import dns.message
import pytest
from system.server import CONFIG, DEADLINE, Server, wait_for

HOSTNAME = "414-262-781.failover.test"
LIMITS = """\
tcp:
  idle_timeout: 2
  max_connections: 300
  max_connections_per_prefix: 50
"""


@pytest.fixture
def server(tmp_path: Path):
    """Start a server with low limits for TCP connections."""
    running = Server(tmp_path, CONFIG + LIMITS)
    try:
        running.start().load_demo()
        yield running
    finally:
        running.kill()


def connect(server: Server, source: str = "127.0.0.1") -> socket.socket:
    """Connect from an address on loopback."""
    return socket.create_connection(("127.0.0.1", server.port), DEADLINE, (source, 0))


def is_closed(sock: socket.socket) -> bool:
    """Return whether the server has closed a connection."""
    sock.setblocking(False)
    try:
        return sock.recv(1 << 16) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def is_answered(server: Server) -> bool:
    """Return whether dig gets the address, over UDP and TCP."""
    return all(server.short(how, HOSTNAME) == ["192.0.2.10"] for how in ("+notcp", "+tcp"))


def test_a_thousand_idle_connections_do_not_exclude_others(server: Server) -> None:
    """Connections from many networks and from dig's own are idle; the longest idle are closed."""
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(server, f"127.0.{n % 25}.1")) for n in range(500)] + [
            stack.enter_context(connect(server)) for _ in range(400)
        ]
        assert is_answered(server)
        wait_for(lambda: sum(map(is_closed, idle)) >= 600)
    assert "Traceback" not in server.log.read_text()


def test_a_client_that_never_reads_is_disconnected(server: Server) -> None:
    """It sends queries as long as it can; dig is answered meanwhile."""
    query = dns.message.make_query(HOSTNAME, "A").to_wire()
    flood = (len(query).to_bytes(2, "big") + query) * 500
    with connect(server) as rude:
        rude.setblocking(False)
        until = time.monotonic() + DEADLINE
        ended = asked = False
        while not ended and time.monotonic() < until:
            try:
                rude.send(flood)
            except BlockingIOError:
                if not asked:
                    assert is_answered(server)
                    asked = True
                time.sleep(0.05)
            except ConnectionError:
                ended = True
        assert ended
        assert asked
    assert is_answered(server)


def test_single_bytes_do_not_extend_the_idle_timeout(server: Server) -> None:
    """The timeout counts from the last complete query, so the slow client is closed first."""
    with connect(server) as slow, connect(server) as silent:
        ended: list[str] = []
        until = time.monotonic() + DEADLINE
        while not ended:
            assert time.monotonic() < until
            time.sleep(0.1)
            with suppress(ConnectionError):
                slow.send(b"\x00")
            # The later one is checked first: if it is closed, the earlier one was closed before.
            ended = [name for name, sock in (("silent", silent), ("slow", slow)) if is_closed(sock)]
        assert "slow" in ended
    assert is_answered(server)


def test_pipelined_queries_are_all_answered_in_order(server: Server) -> None:
    """Several clients send thousands of queries at once."""
    count = 3000
    rest = dns.message.make_query(HOSTNAME, "A").to_wire()[2:]
    length = (2 + len(rest)).to_bytes(2, "big")
    stream = b"".join(length + number.to_bytes(2, "big") + rest for number in range(count))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(3)]
        for sock in clients:
            sock.sendall(stream)
        for sock in clients:
            file = stack.enter_context(sock.makefile("rb"))
            for number in range(count):
                reply = file.read(int.from_bytes(file.read(2), "big"))
                assert int.from_bytes(reply[:2], "big") == number
