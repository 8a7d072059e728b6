"""What is signed with a known key leaves over the link, within bounds, and its reply comes back."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address

import dns.message
import dns.rcode
import dns.tsig
import pytest
from heads import reactor, turn_until
from tables import zone

from failoverdns.answering.answerer import Answerer
from failoverdns.answering.forwarding import (
    MOST,
    MOST_OTHERS,
    NETWORK,
    PATIENCE,
    Forwarding,
)
from failoverdns.answering.link import (
    FROM_ANSWERING,
    Linked,
    LinkedAnswer,
    LinkedConnection,
    LinkedMessage,
    LinkedQuery,
    LinkedReply,
    LinkReader,
    write_linked,
)
from failoverdns.answering.settings import UNCONFIGURED, WorkerSettings
from failoverdns.model.limits import RateLimits
from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress, TCPSettings
from failoverdns.net.sockets import bind
from failoverdns.protocol.table.deltas import write_delta

KEY = dns.tsig.Key("key", b"secret", "hmac-sha256")
SETTINGS: WorkerSettings = replace(
    UNCONFIGURED,
    tcp=TCPSettings(10, 100, 100, 1_000_000),
    tsig_keys=(DomainName.from_text("key"),),
    secondaries=("127.0.0.53",),
)
SECONDARY, OTHER = "127.0.0.53", "127.0.0.1"


class TransferProcess:
    """The other end of a link, which notes what arrives; the test replies."""

    def __init__(self, forwarding: Forwarding) -> None:
        ours, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.end.setblocking(False)
        self.received: list[Linked] = []
        self.descriptors: list[int] = []
        self.is_closed = False
        self._reader = LinkReader(FROM_ANSWERING)
        forwarding.connect(ours.detach())

    def read(self) -> None:
        """Take what has arrived."""
        with suppress(BlockingIOError):
            while not self.is_closed:
                data, descriptors, _, _ = socket.recv_fds(self.end, 65536, 10)
                self.descriptors += descriptors
                self.received += self._reader.feed(data)
                self.is_closed = not data

    def wait_for(self, count: int) -> list[Linked]:
        """Wait until so many frames have arrived, and return them."""

        def has_them() -> bool:
            self.read()
            return len(self.received) >= count

        turn_until(has_them)
        return self.received

    def send(self, linked: Linked) -> None:
        """Send a frame."""
        self.end.sendall(write_linked(linked))

    def close(self) -> None:
        """End the link."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()
        self.end.close()


@pytest.fixture
def answerer() -> Iterator[Answerer]:
    """An answerer with a zone and a key, without a socket."""
    made = Answerer(reactor())
    made.take_delta(write_delta(zone("failover.test", "a A 192.0.2.1")))
    made.configure(SETTINGS)
    yield made
    made.stop()
    turn_until(lambda: not len(made.listeners.tcp_clients))


@pytest.fixture
def process(answerer: Answerer) -> Iterator[TransferProcess]:
    """The transfer process at the other end of its link."""
    made = TransferProcess(answerer.forwarding)
    yield made
    made.close()


def listening(answerer: Answerer, host: str = "127.0.0.1") -> int:
    """Let an answerer listen, and return the port."""
    pair = bind(ip_address(host), 0)
    port: int = pair[0].getsockname()[1]
    answerer.listeners.open(1, ListenAddress(ip_address(host), 0), pair)
    return port


def signed(name: str = "a.failover.test", rtype: str = "A") -> bytes:
    """Return a signed query."""
    message = dns.message.make_query(name, rtype)
    message.use_tsig(KEY)
    return message.to_wire()


def rcode_of(reply: bytes | None) -> str:
    """Return the rcode of a reply that is not signed."""
    assert reply is not None
    return dns.rcode.to_text(dns.message.from_wire(reply).rcode())


def asked(answerer: Answerer, host: str = OTHER, packet: bytes | None = None) -> list[bytes]:
    """Send a signed query as if over UDP; return the list that gets the reply."""
    packet, replies = packet or signed(), list[bytes]()
    found = answerer.answer(packet, host, udp=True)
    assert found is not None
    assert not isinstance(found, bytes)
    answerer.ask(found, packet, host, replies.append)
    return replies


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"])
def test_a_signed_message_over_udp_gets_the_reply_of_the_transfer_process(
    answerer: Answerer, process: TransferProcess, listen: str
) -> None:
    """It leaves as it was, and the reply comes from the address that was asked."""
    port = listening(answerer, listen)
    server = "127.0.0.1" if listen == "127.0.0.1" else "127.0.0.7"
    packet = signed()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.connect((server, port))
        client.setblocking(False)
        client.send(packet)
        (message,) = process.wait_for(1)
        assert isinstance(message, LinkedMessage)
        assert (message.host, message.packet) == ("127.0.0.1", packet)
        process.send(LinkedReply(message.number, b"the reply, which is signed"))
        turn_until(lambda: _has_data(client))
        assert client.recv(100) == b"the reply, which is signed"


def _has_data(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False


def test_replies_find_their_messages_in_any_order(
    answerer: Answerer, process: TransferProcess
) -> None:
    """An empty reply means that nothing is sent; a number that does not wait means nothing."""
    waiting = [asked(answerer) for _ in range(3)]
    numbers = [one.number for one in process.wait_for(3) if isinstance(one, LinkedMessage)]
    process.send(LinkedReply(numbers[2], b"the third"))
    process.send(LinkedReply(numbers[1], b""))
    process.send(LinkedReply(99999, b"of nobody"))
    process.send(LinkedReply(numbers[2], b"the third again"))
    process.send(LinkedReply(numbers[0], b"the first"))
    turn_until(lambda: bool(waiting[0]))
    assert waiting == [[b"the first"], [], [b"the third"]]
    assert answerer.forwarding.report()["waiting"] == 0


def test_without_a_transfer_process_what_is_signed_gets_servfail(answerer: Answerer) -> None:
    """The client asks another server; ordinary queries get their answers."""
    (reply,) = asked(answerer)
    assert rcode_of(reply) == "SERVFAIL"
    plain = dns.message.make_query("a.failover.test", "A").to_wire()
    answered = answerer.answer(plain, OTHER, udp=True)
    assert isinstance(answered, bytes)
    assert rcode_of(answered) == "NOERROR"


def test_what_waits_gets_servfail_when_the_link_breaks(
    answerer: Answerer, process: TransferProcess
) -> None:
    """The transfer process was killed, or has ended with the control process."""
    waiting = [asked(answerer) for _ in range(3)]
    process.wait_for(3)
    process.close()
    turn_until(lambda: all(waiting))
    assert [rcode_of(reply) for (reply,) in waiting] == ["SERVFAIL"] * 3
    assert rcode_of(asked(answerer)[0]) == "SERVFAIL"


def test_a_new_link_takes_the_place_of_the_old_one(
    answerer: Answerer, process: TransferProcess
) -> None:
    """The old one is closed; what waited on it gets SERVFAIL."""
    old = asked(answerer)
    process.wait_for(1)
    next_process = TransferProcess(answerer.forwarding)
    assert rcode_of(old[0]) == "SERVFAIL"
    new = asked(answerer)
    (message,) = next_process.wait_for(1)
    assert isinstance(message, LinkedMessage)
    next_process.send(LinkedReply(message.number, b"by the next"))
    turn_until(lambda: bool(new))
    assert new == [b"by the next"]
    process.read()
    assert process.is_closed
    next_process.close()


def test_a_verified_query_is_answered_from_the_table(
    answerer: Answerer, process: TransferProcess
) -> None:
    """As over TCP: the transfer process signs it, and cuts it for UDP."""
    plain = dns.message.make_query("a.failover.test", "A").to_wire()
    process.send(LinkedQuery(7, OTHER, plain))
    process.send(LinkedQuery(8, OTHER, signed()))
    process.send(LinkedQuery(9, OTHER, b"short"))
    first, *others = process.wait_for(3)
    assert isinstance(first, LinkedAnswer)
    assert first.number == 7
    (rrset,) = dns.message.from_wire(first.message).answer
    assert [data.to_text() for data in rrset] == ["192.0.2.1"]
    assert others == [LinkedAnswer(8, b""), LinkedAnswer(9, b"")]


def test_a_transfer_process_that_breaks_the_protocol_loses_its_link(
    answerer: Answerer, process: TransferProcess
) -> None:
    """What waits gets SERVFAIL."""
    waiting = asked(answerer)
    process.end.sendall(b"\0\0\0\1\1")
    turn_until(lambda: bool(waiting))
    assert rcode_of(waiting[0]) == "SERVFAIL"


def test_a_connection_leaves_with_its_descriptor(
    answerer: Answerer, process: TransferProcess
) -> None:
    """The transfer process answers on it; the answering process keeps nothing of it."""
    port = listening(answerer)
    packet = signed("failover.test", "AXFR")
    sent = len(packet).to_bytes(2, "big") + packet
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        assert process.wait_for(1) == [LinkedConnection("127.0.0.1", sent)]
        assert len(answerer.listeners.tcp_clients) == 0
        with socket.socket(fileno=process.descriptors.pop()) as theirs:
            theirs.sendall(b"zone")
        assert client.recv(10) == b"zone"
        assert client.recv(10) == b"", "the last copy of the descriptor was closed"


def test_keys_come_and_go_with_a_reload(answerer: Answerer, process: TransferProcess) -> None:
    """An unknown key is BADKEY at once."""
    answerer.configure(replace(SETTINGS, tsig_keys=()))
    refused = answerer.answer(signed(), OTHER, udp=True)
    assert isinstance(refused, bytes)
    assert refused[3] & 0xF == dns.rcode.NOTAUTH
    assert answerer.report()["signed"] is None
    answerer.configure(SETTINGS)
    asked(answerer)
    process.wait_for(1)
    assert answerer.report()["signed"] == {
        "links": 1,
        "waiting": 1,
        "forwarded": 1,
        "refused": 0,
    }


def test_a_flood_with_a_wrong_signature_takes_no_place_of_a_secondary(
    answerer: Answerer, process: TransferProcess
) -> None:
    """Nobody replies: others get SERVFAIL beyond their places, secondaries have the rest."""
    flood = [asked(answerer, f"10.{n // 200}.{n % 200}.1") for n in range(500)]
    assert sum(not replies for replies in flood) == MOST_OTHERS
    assert {rcode_of(reply) for replies in flood for reply in replies} == {"SERVFAIL"}
    polls = [asked(answerer, SECONDARY) for _ in range(MOST)]
    assert sum(not replies for replies in polls) == MOST - MOST_OTHERS
    received = process.wait_for(MOST)
    assert len(received) == MOST
    assert sum(isinstance(one, LinkedMessage) and one.host == SECONDARY for one in received) == (
        MOST - MOST_OTHERS
    )


def test_a_network_without_a_secondary_has_a_rate_of_its_own(
    answerer: Answerer, process: TransferProcess
) -> None:
    """However quickly it is answered: others are not held up by one network."""

    def count(host: Callable[[int], str], messages: int) -> int:
        before = answerer.forwarding.forwarded
        for number in range(messages):
            asked(answerer, host(number))
            while answerer.forwarding.report()["waiting"]:
                process.read()
                for one in process.received:
                    assert isinstance(one, LinkedMessage)
                    process.send(LinkedReply(one.number, b""))
                process.received.clear()
                reactor().iterate(0)
        return answerer.forwarding.forwarded - before

    burst = int(NETWORK[1])
    assert burst <= count(lambda n: f"192.0.2.{n % 250 + 1}", burst + 100) < burst + 60
    assert count(lambda n: "198.51.100.1", 10) == 10
    assert count(lambda n: SECONDARY, burst + 100) == burst + 100


class LaterClock:
    """The reactor, whose clock can be set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def seconds(self) -> float:
        return reactor().seconds() + self.ahead  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(reactor(), name)


def test_a_message_that_nobody_answers_gives_its_place_back() -> None:
    """The transfer process dropped it, or hangs; its client has given up."""
    clock = LaterClock()
    forwarding = Forwarding(clock, lambda packet, host: b"")
    process = TransferProcess(forwarding)
    replies: list[bytes | None] = []
    for number in range(MOST_OTHERS + 1):
        forwarding.ask(b"packet", f"10.0.{number}.1", replies.append)
    assert replies == [None]
    clock.ahead = PATIENCE + 1
    forwarding.ask(b"packet", "10.1.0.1", replies.append)
    assert replies == [None] + [b""] * MOST_OTHERS
    assert forwarding.report()["waiting"] == 1
    forwarding.disconnect()
    process.close()


def test_replies_to_what_was_not_verified_count_as_errors(
    answerer: Answerer, process: TransferProcess
) -> None:
    """A flood with forged addresses is not reflected beyond the rate limit; verified ones are."""
    answerer.configure(replace(SETTINGS, rate_limit=RateLimits(errors_per_second=5, slip=1)))
    for rcode, most in ((dns.rcode.NOTAUTH, 10), (dns.rcode.NOERROR, 50)):
        waiting = [asked(answerer, "192.0.2.1") for _ in range(50)]
        for one in process.wait_for(50):
            assert isinstance(one, LinkedMessage)
            process.send(LinkedReply(one.number, b"ab\x80" + bytes((rcode,)) + bytes(8)))
        process.received.clear()
        turn_until(lambda: answerer.forwarding.report()["waiting"] == 0)
        assert most // 2 <= sum(bool(replies) for replies in waiting) <= most
