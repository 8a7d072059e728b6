"""Odd packets over real sockets: each gets the expected reaction, over UDP and over TCP."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from protocol.test_query import FAULTS, ID, IGNORED, PLAIN, QUERIES
from system.server import DEADLINE, Server

from failoverdns.protocol.query import Faulty, read_query

BADVERS = 16
HONEST, AGAIN = b"\xbe\xef" + PLAIN[2:], b"\xbe\xf0" + PLAIN[2:]
"""An ordinary query with an ID of its own, and the same with another ID."""

Ask = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for all tests of this module."""
    running = Server(Path(tmp_path_factory.mktemp("odd")))
    try:
        running.start().load_demo()
        yield running
    finally:
        running.kill()


@contextmanager
def asking(server: Server, transport: str) -> Iterator[Ask]:
    """Yield a function that sends a packet and an ordinary query, and returns the first reply.

    Over UDP the reply to the query can come first.  Then the function sends another query, whose
    reply would follow one to the packet.
    """
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(("127.0.0.1", server.port))
        file = sock.makefile("rb") if transport == "tcp" else None

        def ask(packet: bytes) -> bytes:
            if file is None:
                sock.send(packet)
                sock.send(HONEST)
                reply = sock.recv(65535)
                if reply[:2] != HONEST[:2]:
                    return reply
                sock.send(AGAIN)
                second = sock.recv(65535)
                return reply if second[:2] == AGAIN[:2] else second
            sock.sendall(b"".join(struct.pack(">H", len(p)) + p for p in (packet, HONEST)))
            return file.read(int.from_bytes(file.read(2), "big"))

        yield ask
        if file is not None:
            file.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_odd_but_valid_queries_are_answered(served: Server, transport: str) -> None:
    """The reply is complete, with the ID and the question of the query."""
    for what, packet, edns in QUERIES:
        with asking(served, transport) as ask:
            reply = ask(packet)
        assert reply[:2] == packet[:2], what
        assert reply[2] & 0x80, what
        assert int.from_bytes(reply[4:6], "big") == 1, what
        if edns is not None:
            rcode = reply[3] & 0xF | (BADVERS if edns.version else 0)
            assert (rcode == BADVERS) == (edns.version > 0), what


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_malformed_query_gets_a_reply_without_records(served: Server, transport: str) -> None:
    """It has the ID, the opcode and an rcode, and question and OPT if they could be read."""
    for what, packet, opcode, rcode in FAULTS:
        with asking(served, transport) as ask:
            reply = ask(packet)
        flags = (0x80 | opcode << 3, reply[2] & 0xFE)
        assert flags[0] == flags[1], what
        assert (reply[:2], reply[3] & 0xF) == (ID.to_bytes(2, "big"), rcode), what
        fault = read_query(packet)
        assert isinstance(fault, Faulty), what
        opt = 11 if fault.edns is not None else 0
        assert len(reply) == 12 + len(fault.question) + opt, what
        assert reply[12:].startswith(fault.question), what


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_packet_that_is_not_a_query_gets_no_reply(served: Server, transport: str) -> None:
    """The query after it is answered."""
    for what, packet in IGNORED:
        with asking(served, transport) as ask:
            assert ask(packet)[:2] == HONEST[:2], what
    assert "could not be answered" not in served.log.read_text()
