"""Random and malformed packets over real sockets do not stop the server."""

from __future__ import annotations

import random
import socket
import struct

import dns.message
import pytest
from system.server import DEADLINE, Server

PACKETS = 100_000
HOSTNAME = "414-262-781.failover.test"


def mutated(dice: random.Random) -> bytes:
    """Return a query with random changes, or random bytes."""
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(dice.randrange(100))
    query = bytearray(QUERIES[dice.randrange(len(QUERIES))])
    for _ in range(dice.randrange(1, 6)):
        query[dice.randrange(len(query))] = dice.randrange(256)
    if kind == 1:
        del query[dice.randrange(len(query)) :]
    elif kind == 2:
        query += dice.randbytes(dice.randrange(40))
    return bytes(query)


QUERIES = [
    dns.message.make_query(name, rtype, use_edns=edns, want_dnssec=edns == 0).to_wire()
    for name in (HOSTNAME, f"primary.{HOSTNAME}", "nothing.failover.test", "example.com", ".")
    for rtype in ("A", "AAAA", "TXT", "SOA", "ANY", "AXFR")
    for edns in (-1, 0)
]


def test_the_server_survives_a_hundred_thousand_odd_packets(demo: Server) -> None:
    """Every valid query in between is answered, and the log has no exception."""
    dice = random.Random(20261123)
    honest = dns.message.make_query(HOSTNAME, "A")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        for sock in (sender, client):
            sock.connect(("127.0.0.1", demo.port))
        client.settimeout(DEADLINE)
        sender.setblocking(False)
        for number in range(PACKETS):
            sender.send(mutated(dice))
            if number % 100 == 0:
                client.send(honest.to_wire())
                reply = dns.message.from_wire(client.recv(4096))
                assert [str(rdata) for rdata in reply.answer[0]] == ["192.0.2.10"]
                drain(sender)
    log = demo.log.read_text()
    assert "Traceback" not in log
    assert "could not be answered" not in log


def drain(sock: socket.socket) -> None:
    """Read the waiting replies and check that each is a response."""
    try:
        while True:
            assert sock.recv(4096)[2] & 0x80
    except BlockingIOError:
        pass


@pytest.mark.parametrize(
    "beginning",
    [
        b"\x00",
        b"\x00\x05abc",
        b"\xff\xff" + bytes(1000),
        b"\x00\x00" * 100,
        struct.pack(">H", 65535) + b"\x00" * 65535,
        struct.pack(">H", 12 + 40000)
        + bytes.fromhex("000000000001000000000000")
        + b"\xc0\x0c" * 20000,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=[
        "half a length",
        "a length and half a message",
        "a long message that never ends",
        "nothing, many times",
        "64 KiB of zeros",
        "40 KiB of compression pointers",
        "HTTP",
    ],
)
def test_an_odd_tcp_client_does_not_disturb_others(demo: Server, beginning: bytes) -> None:
    """It stays connected while other clients are answered."""
    with socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as rude:
        rude.sendall(beginning)
        assert demo.short("+tcp", HOSTNAME) == ["192.0.2.10"]
        assert demo.short("+notcp", HOSTNAME) == ["192.0.2.10"]
    assert "Traceback" not in demo.log.read_text()


def test_a_response_gets_no_reply(demo: Server) -> None:
    """Otherwise two servers could answer each other for ever."""
    response = bytearray(dns.message.make_query(HOSTNAME, "A").to_wire())
    response[2] |= 0x80
    query = dns.message.make_query(HOSTNAME, "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(("127.0.0.1", demo.port))
        sock.send(response)
        sock.send(query)
        assert sock.recv(4096)[:2] == query[:2]
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(4096)
