"""A switch is visible when it is acknowledged: to everybody, at once, and whole."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import NamedTuple

import dns.message
from system.server import DEADLINE, Server

SWITCHES = 1000
HOSTNAME = "414-262-781.failover.test"
ADDRESSES = {"primary": {"192.0.2.10", "192.0.2.11"}, "backup": {"198.51.100.20", "198.51.100.21"}}


class Seen(NamedTuple):
    """An answer, and when its question was sent and it was received."""

    sent: float
    received: float
    addresses: frozenset[str]


def test_every_answer_is_the_old_or_the_new_one_and_none_is_old_after_the_reply(
    demo: Server,
) -> None:
    """1,000 switches in a row, a client asking as fast as it can; no question goes unanswered."""
    for name, number in (("shop-eu", "192.0.2.11"), ("shop-us", "198.51.100.21")):
        both = [min(ADDRESSES["primary" if name == "shop-eu" else "backup"]), number]
        demo.do(command="head set", application=name, name="lb1", address=both)
    seen: list[Seen] = []
    stop = threading.Event()
    asker = threading.Thread(target=ask_until, args=(demo.port, seen, stop))
    asker.start()
    switches: list[tuple[float, float, str]] = []
    try:
        with demo.connect() as client, question_socket(demo.port) as sock:
            side = "primary"
            for number in range(SWITCHES):
                side = "backup" if side == "primary" else "primary"
                began = time.monotonic()
                reply = client.ask({"command": "switch", "groups": ["shop"], "to": side})
                assert reply["ok"], reply
                switches.append((began, time.monotonic(), side))
                assert ask(sock, number) == ADDRESSES[side], "the very next answer is the new one"
    finally:
        stop.set()
        asker.join(DEADLINE)
    assert len(seen) > SWITCHES // 10
    check(seen, switches)


def check(seen: list[Seen], switches: list[tuple[float, float, str]]) -> None:
    """Hold every answer against the switches that were under way when it was given."""
    at = 0
    for answer in seen:
        while at < len(switches) and switches[at][1] <= answer.sent:
            at += 1
        settled = switches[at - 1][2] if at else "primary"
        possible = {settled, *(s for began, _, s in switches[at:] if began < answer.received)}
        assert answer.addresses in [ADDRESSES[side] for side in possible], (answer, settled)


def question_socket(port: int) -> socket.socket:
    """A UDP socket connected to the server."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(DEADLINE)
    sock.connect(("127.0.0.1", port))
    return sock


QUESTION = dns.message.make_query(HOSTNAME, "A", use_edns=-1).to_wire()[2:]


def ask(sock: socket.socket, number: int) -> set[str]:
    """Ask and return the addresses of the answer."""
    id_ = struct.pack(">H", number & 0xFFFF)
    sock.send(id_ + QUESTION)
    reply = sock.recv(512)
    assert reply[:2] == id_
    return {str(rdata) for rdata in dns.message.from_wire(reply).answer[0]}


def ask_until(port: int, seen: list[Seen], stop: threading.Event) -> None:
    """Ask without a pause."""
    number = 0
    with question_socket(port) as sock:
        while not stop.is_set():
            number += 1
            sent = time.monotonic()
            addresses = frozenset(ask(sock, number))
            seen.append(Seen(sent, time.monotonic(), addresses))


def test_a_change_of_heads_is_visible_with_its_reply(demo: Server) -> None:
    """Not only switches."""
    with demo.connect() as client, question_socket(demo.port) as sock:
        for number in range(1, 200):
            address = f"203.0.113.{number}"
            head = {"application": "shop-eu", "name": "lb1", "address": [address]}
            assert client.ask({"command": "head set", **head})["ok"]
            assert ask(sock, number) == {address}
