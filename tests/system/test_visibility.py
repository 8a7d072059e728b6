"""A switch is visible to all DNS clients when it is acknowledged, at once and completely."""

from __future__ import annotations

import socket
import struct
import time

import dns.message
from system.asking import Asker
from system.server import DEADLINE, Server

SWITCHES = 1000
HOSTNAME = "414-262-781.failover.test"
ADDRESSES = {"primary": {"192.0.2.10", "192.0.2.11"}, "backup": {"198.51.100.20", "198.51.100.21"}}


def test_no_answer_is_old_after_the_reply_to_a_switch_and_none_is_mixed(
    demo: Server,
) -> None:
    """A DNS client queries without a pause during 1,000 switches; every query is answered."""
    for name, number in (("shop-eu", "192.0.2.11"), ("shop-us", "198.51.100.21")):
        both = [min(ADDRESSES["primary" if name == "shop-eu" else "backup"]), number]
        demo.do(command="head set", application=name, name="lb1", address=both)
    switches: list[tuple[float, float, str]] = []
    with (
        Asker(demo.port, HOSTNAME, ports=1, patience=DEADLINE) as asker,
        demo.connect() as client,
        question_socket(demo.port) as sock,
    ):
        side = "primary"
        for number in range(SWITCHES):
            side = "backup" if side == "primary" else "primary"
            began = time.monotonic()
            reply = client.ask({"command": "switch", "groups": ["shop"], "to": side})
            assert reply["ok"], reply
            switches.append((began, time.monotonic(), side))
            assert ask(sock, number) == ADDRESSES[side], (
                "the first answer after the reply is the new one"
            )
        asker.wait_for_more(1)
    assert asker.lost == 0
    assert len(asker.seen) > SWITCHES // 10
    assert asker.seen[-1][0] > switches[-1][0], "the client queried until the end"
    check(asker.seen, switches)


def check(
    seen: list[tuple[float, float, frozenset[str]]], switches: list[tuple[float, float, str]]
) -> None:
    """Compare every answer with the switches that were in progress when it was sent."""
    at = 0
    for sent, received, addresses in seen:
        while at < len(switches) and switches[at][1] <= sent:
            at += 1
        settled = switches[at - 1][2] if at else "primary"
        possible = {settled, *(s for began, _, s in switches[at:] if began < received)}
        assert addresses in [ADDRESSES[side] for side in possible], (addresses, settled)


def question_socket(port: int) -> socket.socket:
    """Return a UDP socket that is connected to the server."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(DEADLINE)
    sock.connect(("127.0.0.1", port))
    return sock


QUESTION = dns.message.make_query(HOSTNAME, "A", use_edns=-1).to_wire()[2:]


def ask(sock: socket.socket, number: int) -> set[str]:
    """Send a query and return the addresses of the answer."""
    id_ = struct.pack(">H", number & 0xFFFF)
    sock.send(id_ + QUESTION)
    reply = sock.recv(512)
    assert reply[:2] == id_
    return {str(rdata) for rdata in dns.message.from_wire(reply).answer[0]}


def test_a_change_of_heads_is_visible_with_its_reply(demo: Server) -> None:
    """This holds for other changes than switches, too."""
    with demo.connect() as client, question_socket(demo.port) as sock:
        for number in range(1, 200):
            address = f"203.0.113.{number}"
            head = {"application": "shop-eu", "name": "lb1", "address": [address]}
            assert client.ask({"command": "head set", **head})["ok"]
            assert ask(sock, number) == {address}
