"""TLS connections from their arrival on: who gets a place, who gives way, and who gets a turn."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from authority import Authority, Issued
from doors import HEADS, SHOWN, Connection, Endpoint

from failoverdns.net import arrivals, budgets, handshakes, tls_ports
from failoverdns.net.descriptors import OTHER
from failoverdns.net.places import KNOWN_FOR
from failoverdns.net.tls import TlsContext
from failoverdns.reactions import ASKED_AT_ONCE, CALLS_AT_ONCE, PROGRAMS_AT_ONCE


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    """Return a TLS endpoint."""
    return Endpoint(tmp_path)


def test_a_client_with_a_certificate_of_our_ca_is_admitted(endpoint: Endpoint) -> None:
    client = endpoint.enter()
    assert client.say(b"x") == b"hello x"
    assert client.tls.version() == "TLSv1.3"


STRANGERS: list[Issued | None] = [
    None,
    Authority("Somebody").issue_client("web1.internal"),
    HEADS.issue("web1.internal", starts=-7200, lasts=3600),
]
"""No certificate, one of another CA, and one that has expired."""


@pytest.mark.parametrize("shown", STRANGERS)
def test_a_client_without_a_valid_certificate_of_our_ca_is_refused(
    endpoint: Endpoint, shown: Issued | None
) -> None:
    client = endpoint.enter(shown)
    with pytest.raises(ssl.SSLError):
        client.say(b"x")
    assert client.is_gone


def test_tls_before_1_3_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(ssl.SSLError):
        endpoint.enter(newest=ssl.TLSVersion.TLSv1_2)


def fill(endpoint: Endpoint, *hosts: str, count: int = arrivals.MAX_NEWCOMERS) -> list[Connection]:
    """Open connections that send nothing, from the hosts in turn, at 1,000 a second."""
    opened = []
    for number in range(count):
        endpoint.clock.advance(0.001)
        opened.append(endpoint.wait(hosts[number % len(hosts)]))
    return opened


def test_the_network_with_the_most_connections_gives_way_to_a_new_one(endpoint: Endpoint) -> None:
    """Others keep their places, however many more come."""
    slow = [endpoint.wait("192.0.2.1"), endpoint.wait("192.0.2.130")]
    fill(endpoint, "198.51.100.1", count=3 * arrivals.MAX_NEWCOMERS)
    assert not any(connection.is_gone for connection in slow)
    assert len(endpoint.door.newcomers) == arrivals.MAX_NEWCOMERS
    for connection in slow:
        connection.shake_hands()
        assert connection.say(b"x") == b"hello x"


def test_in_a_network_the_address_with_the_most_connections_gives_way(endpoint: Endpoint) -> None:
    """A web head and whoever floods may be neighbours."""
    slow = endpoint.wait("198.51.100.7")
    fill(endpoint, "198.51.100.1", count=3 * arrivals.MAX_NEWCOMERS)
    assert not slow.is_gone


def test_a_connection_has_time_whatever_its_address_does(endpoint: Endpoint) -> None:
    """The one that gives way is of the older half: 1,000 a second leave 200 ms."""
    address = "198.51.100.1"
    fill(endpoint, address, count=2 * arrivals.MAX_NEWCOMERS)
    for _ in range(20):
        slow = endpoint.wait(address)
        fill(endpoint, address, count=arrivals.MAX_NEWCOMERS // 2 - 1)
        assert not slow.is_gone
        slow.shake_hands()
        assert slow.say(b"x") == b"hello x"
        slow.leave()


def test_of_an_address_those_that_send_nothing_give_way_first(endpoint: Endpoint) -> None:
    """So a flood that says nothing ends no handshake, however slow, not even of its own address."""
    slow = endpoint.wait()
    slow.send(slow.hello())
    fill(endpoint, "127.0.0.1", count=3 * arrivals.MAX_NEWCOMERS)
    assert not slow.is_gone


def test_further_bytes_do_not_make_a_connection_younger(endpoint: Endpoint) -> None:
    """Nor do they give it a second turn."""
    endpoint.cost = 1.0
    for _ in range(2):
        first = endpoint.wait()
        first.send(first.hello())
    waiting = endpoint.wait()
    waiting.send(waiting.hello())
    places = endpoint.door.newcomers.all()
    other = endpoint.wait()
    waiting.send(b"more")
    assert endpoint.door.newcomers.all() == [*places, other.protocol]


def test_a_network_that_showed_a_certificate_keeps_places_in_a_flood_from_many(
    endpoint: Endpoint,
) -> None:
    """Each connection of the flood has a network of its own.

    Which of the other connections make room is chance, but not whether any of twenty does.
    """
    endpoint.enter(host="192.0.2.1").leave()
    hosts = [f"10.{n // 256}.{n % 256}.1" for n in range(3 * arrivals.MAX_NEWCOMERS)]
    unknown = [endpoint.wait(f"10.200.{number}.1") for number in range(arrivals.KNOWN_PLACES)]
    known = [endpoint.wait(f"192.0.2.{number + 1}") for number in range(arrivals.KNOWN_PLACES)]
    fill(endpoint, *hosts, count=len(hosts))
    assert any(connection.is_gone for connection in unknown)
    assert not any(connection.is_gone for connection in known)


def test_an_invalid_certificate_makes_no_network_known(endpoint: Endpoint) -> None:
    for shown in STRANGERS:
        endpoint.enter(shown, "192.0.2.1").leave()
    now = endpoint.clock.seconds()
    assert not endpoint.door.known.has(bytes([192, 0, 2, 0]), now)
    endpoint.enter(host="192.0.2.1").leave()
    assert endpoint.door.known.has(bytes([192, 0, 2, 0]), now)


def test_too_many_new_connections_a_second_get_no_place(endpoint: Endpoint) -> None:
    """They are closed at once; other networks, and known addresses, are not affected."""
    endpoint.enter(host="198.51.100.9").leave()
    at_once = [endpoint.connect("198.51.100.1") for _ in range(2000)]
    admitted = sum(1 for connection in at_once if connection is not None)
    assert admitted == budgets.ARRIVALS_OF_ONE * 0.25 - 1
    assert endpoint.connect("192.0.2.1") is not None
    assert endpoint.connect("198.51.100.9") is not None
    assert endpoint.connect("198.51.100.8") is None
    endpoint.clock.advance(1)
    assert endpoint.connect("198.51.100.8") is not None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x15",
        b"\x16\x02",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x01\x00\x02",
        b"\x80\x2e\x01\x03\x01",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_client_that_speaks_no_tls_is_closed_without_tls(
    endpoint: Endpoint, data: bytes, size: int
) -> None:
    connection = endpoint.wait()
    for at in range(0, len(data), size):
        assert connection.send(data[at : at + size]) == b""
    assert connection.wire.aborted


def test_tls_begins_with_the_whole_first_record(endpoint: Endpoint) -> None:
    """Part of a ClientHello costs nothing but a place."""
    connection = endpoint.wait()
    hello = connection.hello()
    endpoint.cost = 1.0
    for byte in hello[:-1]:
        assert connection.send(bytes([byte])) == b""
    assert endpoint.spent == 0
    assert connection.send(hello[-1:])
    assert endpoint.spent > 0


def test_a_connection_has_little_time_for_its_first_bytes_and_for_the_handshake(
    endpoint: Endpoint,
) -> None:
    """A client with a certificate has the time that the protocol above TLS gives it."""
    silent, slow, client = endpoint.wait(), endpoint.wait(), endpoint.enter()
    slow.send(slow.hello())
    endpoint.clock.pump([arrivals.SWEEP] * 2 * (arrivals.FIRST_BYTES_TIME + 1))
    assert (silent.is_gone, slow.is_gone) == (True, False)
    endpoint.clock.pump([arrivals.SWEEP] * 2 * arrivals.FIRST_BYTES_TIME)
    assert slow.is_gone
    endpoint.clock.pump([arrivals.SWEEP] * 100)
    assert client.say(b"x") == b"hello x"
    assert endpoint.clock.getDelayedCalls() == []


def test_part_of_a_hello_does_not_extend_the_time(endpoint: Endpoint) -> None:
    slow = endpoint.wait()
    for byte in slow.hello()[: arrivals.FIRST_BYTES_TIME + 1]:
        slow.send(bytes([byte]))
        endpoint.clock.pump([arrivals.SWEEP] * 2)
    assert slow.is_gone


def test_handshakes_wait_when_they_have_used_their_time(endpoint: Endpoint) -> None:
    """With 0.1 s a handshake, 4 of a second are served; those of a known address first."""
    endpoint.enter(host="192.0.2.1").leave()
    endpoint.cost = 0.1
    crowd = [endpoint.wait("198.51.100.1") for _ in range(20)]
    sent = [connection.send(connection.hello()) for connection in crowd]
    assert sum(map(bool, sent)) <= 2
    known = endpoint.wait("192.0.2.1")
    assert known.send(known.hello())
    other = endpoint.wait("203.0.113.1")
    other.send(other.hello())
    for _ in range(100):
        endpoint.clock.advance(0.01)
    served = [connection.wire.value() for connection in crowd]
    assert other.wire.value()
    assert 1 <= sum(map(bool, served)) <= 5


def test_a_turn_of_the_reactor_begins_few_handshakes(endpoint: Endpoint) -> None:
    """So commands and DNS, which share the thread, wait for a few milliseconds only."""
    crowd = [endpoint.wait(f"10.0.{number}.1") for number in range(40)]
    hellos = [connection.hello() for connection in crowd]
    endpoint.cost = 0.0005
    for connection, hello in zip(crowd, hellos, strict=True):
        connection.protocol.dataReceived(hello)
    before = endpoint.spent
    endpoint.door.handshakes.take_turns()
    assert endpoint.spent - before < 2 * handshakes.TURN


def test_a_connection_that_goes_while_it_waits_leaves_nothing(endpoint: Endpoint) -> None:
    for begun in (False, True):
        connection = endpoint.wait()
        if begun:
            connection.protocol.dataReceived(connection.hello())
        connection.leave()
    endpoint.clock.pump([arrivals.SWEEP] * 2)
    assert endpoint.clock.getDelayedCalls() == []
    assert len(endpoint.door.newcomers) == 0


def test_one_web_head_cannot_use_up_the_connections_of_others(endpoint: Endpoint) -> None:
    """Its connections beyond `MAX_OF_ONE` are closed."""
    clients = [endpoint.enter() for _ in range(arrivals.MAX_OF_ONE)]
    assert endpoint.enter().wire.aborted
    assert not any(client.wire.aborted for client in clients)
    assert endpoint.enter(HEADS.issue_client("web2.internal")).say(b"x") == b"hello x"
    for client in clients[:2]:
        client.leave()
    assert endpoint.enter().say(b"x") == b"hello x"


def test_several_greedy_certificates_cannot_keep_out_others(endpoint: Endpoint) -> None:
    """The certificate with the most connections gives one up."""
    quiet = endpoint.enter(HEADS.issue_client("quiet.internal"))
    for name in ("a.internal", "b.internal", "c.internal"):
        shown = HEADS.issue_client(name)
        for _ in range(arrivals.MAX_OF_ONE):
            endpoint.enter(shown)
    assert len(endpoint.door.clients) == arrivals.MAX_CLIENTS
    assert not quiet.is_gone
    assert endpoint.enter(HEADS.issue_client("late.internal")).say(b"x") == b"hello x"
    assert len(endpoint.door.clients) == arrivals.MAX_CLIENTS


def test_the_number_of_connections_never_exceeds_the_limit(endpoint: Endpoint) -> None:
    fill(endpoint, "192.0.2.1", "198.51.100.1", "203.0.113.1", count=2000)
    assert len(endpoint.door.newcomers) == arrivals.MAX_NEWCOMERS


def test_file_descriptors_are_enough_for_all_limits_together() -> None:
    """Pipes of programs and calls of a CA, beside what `net.descriptors` divides."""
    programs = 2 * (PROGRAMS_AT_ONCE + ASKED_AT_ONCE) + 2 * CALLS_AT_ONCE
    assert tls_ports.ACCEPTS_A_TURN + programs <= OTHER - 100


def test_with_few_open_files_there_are_fewer_connections(endpoint: Endpoint) -> None:
    """Newcomers and clients get less in the same proportion, and one at least."""
    endpoint.door.limit(65)
    fill(endpoint, "192.0.2.1", "198.51.100.1", "203.0.113.1", count=100)
    assert len(endpoint.door.newcomers) == 40
    endpoint.door.limit(0)
    fill(endpoint, "192.0.2.1", count=3)
    assert len(endpoint.door.newcomers) == 1


def test_a_client_that_is_not_admitted_is_closed_and_not_known(tmp_path: Path) -> None:
    """The chain, leaf first, and the address are given to whoever decides that."""
    asked = []
    endpoint = Endpoint(tmp_path, lambda chain, address: bool(asked.append((chain, address))))
    assert endpoint.enter(host="192.0.2.1").wire.aborted
    assert asked == [([SHOWN.certificate, HEADS.certificate], "192.0.2.1")]
    assert not endpoint.door.known.has(bytes([192, 0, 2, 0]), 0)


def test_a_review_closes_the_clients_that_are_not_admitted_any_more(tmp_path: Path) -> None:
    revoked: list[object] = []
    endpoint = Endpoint(tmp_path, lambda chain, address: chain[0] not in revoked)
    one, other = endpoint.enter(), endpoint.enter(HEADS.issue_client("web2.internal"))
    endpoint.door.review()
    assert (one.is_gone, other.is_gone) == (False, False)
    revoked.append(SHOWN.certificate)
    endpoint.door.review()
    assert (one.wire.aborted, other.is_gone) == (True, False)
    assert other.say(b"x") == b"hello x"


def test_a_review_closes_the_clients_of_a_ca_that_is_not_trusted_any_more(
    endpoint: Endpoint,
) -> None:
    client = endpoint.enter()
    (endpoint.folder / "heads.pem").write_text(Authority("Others").pem)
    endpoint.context.adopt(TlsContext(endpoint.files()))
    endpoint.door.review()
    assert client.wire.aborted


def test_the_number_of_connections_can_be_lowered(endpoint: Endpoint) -> None:
    """A system with few descriptors has fewer places, for both kinds of connections."""
    clients = [endpoint.enter() for _ in range(30)]
    fill(endpoint, "192.0.2.1", count=60)
    assert endpoint.door.open == 90
    endpoint.door.limit(65)
    assert endpoint.door.open == 65
    assert sum(client.is_gone for client in clients) == 5
    endpoint.door.limit(10_000)
    fill(endpoint, "192.0.2.1", count=2 * arrivals.MAX_NEWCOMERS)
    assert len(endpoint.door.newcomers) == arrivals.MAX_NEWCOMERS


def test_addresses_from_before_the_start_are_known_for_the_rest_of_their_time(
    endpoint: Endpoint,
) -> None:
    address = bytes([192, 0, 2, 7])
    endpoint.door.remember("192.0.2.7", KNOWN_FOR - 10)
    endpoint.door.remember("?", 0)
    assert endpoint.door.known.has(address, endpoint.clock.seconds())
    endpoint.clock.advance(11)
    assert not endpoint.door.known.has(address, endpoint.clock.seconds())
