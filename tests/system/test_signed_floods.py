"""A flood of messages that name a known key and have a wrong signature delays nobody else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from stock_secondaries import Key
from system.server import CONFIG, Server, wait_for

KEY, WRONG = Key(), Key(secret="d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3I=")
SECONDARY = "127.0.0.53"
TRANSFERS = f"""\
tsig_keys:
  {KEY.name}: {{algorithm: hmac-sha256, secret_file: xfr.key}}
secondaries:
  ns2: {{address: "{SECONDARY}:1053", key: {KEY.name}}}
"""
TRIES = 5
"""Times that a client asks: the kernel drops what does not fit into the buffer of a socket."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    """A server with one worker and a secondary."""
    secret = tmp_path / "xfr.key"
    secret.write_text(KEY.secret)
    secret.chmod(0o600)
    running = Server(tmp_path, CONFIG.replace("workers: 0", "workers: 1") + TRANSFERS)
    try:
        running.start().load_demo()
        yield running
    finally:
        running.kill()


def signed(key: Key, rtype: str = "SOA") -> bytes:
    """Return a query for the zone, signed with a key."""
    query = dns.message.make_query("failover.test", rtype, id=7)
    query.use_tsig(key.ring, key.name)
    return query.to_wire()


@contextmanager
def flooding(port: int) -> Iterator[list[int]]:
    """Send wrongly signed messages from 30 networks, 3,000 a second; yield the count, in a list."""
    packet, sent, ending = signed(WRONG), [0], threading.Event()
    senders = []
    for number in range(30):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind((f"127.0.{number + 100}.1", 0))
        sender.connect(("127.0.0.1", port))
        sender.setblocking(False)
        senders.append(sender)

    def flood() -> None:
        while not ending.wait(0.01):
            for sender in senders:
                with suppress(OSError):
                    sender.send(packet)
                    sent[0] += 1

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield sent
    finally:
        ending.set()
        thread.join()
        for sender in senders:
            sender.close()


def asked(port: int, packet: bytes, source: str) -> bytes:
    """Return the reply to a packet from an address; empty if there is none after some tries."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((source, 0))
        client.connect(("127.0.0.1", port))
        client.settimeout(2)
        for _ in range(TRIES):
            client.send(packet)
            with suppress(TimeoutError):
                return client.recv(65535)
    return b""


def test_a_flood_with_wrong_signatures_delays_neither_answers_nor_secondaries(
    served: Server,
) -> None:
    """Every query gets its answer, every poll of the secondary its signed one; the log is short."""
    plain = dns.message.make_query("failover.test", "MX", id=8).to_wire()
    wait_for(lambda: polled(served.port), served.log.read_text)
    lines = served.log.read_text().count("\n")
    with flooding(served.port) as sent:
        begin = time.monotonic()
        for _ in range(40):
            assert asked(served.port, plain, "127.0.0.1")[3] & 0xF == dns.rcode.NOERROR
            assert polled(served.port)
        while time.monotonic() - begin < 2:
            time.sleep(0.05)
    report = served.do(command="status")["server"]["signed"]
    assert sent[0] > 1000
    assert report["refused"] > report["forwarded"] / 10
    assert served.log.read_text().count("\n") - lines < 40
    group = served.do(command="status")["groups"][0]
    served.do(command="switch", groups=[group["name"]])


def polled(port: int) -> bool:
    """Ask for the serial as the secondary does; return whether the answer is signed and right."""
    query = dns.message.make_query("failover.test", "SOA")
    query.use_tsig(KEY.ring, KEY.name)
    reply = asked(port, query.to_wire(), SECONDARY)
    if not reply or reply[3] & 0xF:
        return False
    answer = dns.message.from_wire(reply, keyring=KEY.ring, request_mac=query.mac)
    return bool(answer.answer) and answer.had_tsig
