"""Who may be in a handshake over TLS, and how many connections are carried, with few open files."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority import Authority
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from failoverdns.answering.tcp_clients import TCPClients
from failoverdns.answering.tls import (
    CLIENT_TIME,
    MAX_CARRIED,
    OPEN_FILES,
    Source,
    TLSDoor,
    TLSFactory,
)
from failoverdns.model.settings import TCPSettings
from failoverdns.net.arrivals import FIRST_BYTES_TIME, MAX_NEWCOMERS, Arrival
from failoverdns.net.dns_tls import DNSContext, read_material
from failoverdns.net.tls_material import PEMFiles

SECONDARY = "192.0.2.53"


class Transport(StringTransport):
    """A transport that records whether the connection was closed at once."""

    aborted = False

    def abortConnection(self) -> None:  # noqa: N802
        self.aborted = True


class Doorway:
    """A door for clients over TLS, on a clock of the test."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        chain, key = Authority().issue("ns1.failover.test").save(folder, "tls")
        clients = TCPClients(self.clock, TCPSettings(10, 100, 100, 1_000_000, 3))
        self.factory = TLSFactory(
            self.clock,
            lambda packet, host: packet,
            clients,
            lambda connection, number: False,
            lambda host: host == SECONDARY,
        )
        context = DNSContext(read_material(PEMFiles("tls", chain, key)))
        self.door = TLSDoor(context, self.factory, self.clock)

    def arrive(self, host: str) -> tuple[Arrival, Transport]:
        """Let a client connect."""
        self.clock.advance(0.001)  # more at once would be closed
        arrival = self.door.buildProtocol(IPv4Address("TCP", host, 4711))
        assert arrival is not None
        transport = Transport()
        arrival.makeConnection(transport)
        return arrival, transport


@pytest.fixture
def doorway(tmp_path: Path) -> Doorway:
    return Doorway(tmp_path)


def test_a_client_that_says_nothing_is_closed(doorway: Doorway) -> None:
    """So is one that sends something else than TLS, at once."""
    _, silent = doorway.arrive("192.0.2.1")
    arrival, other = doorway.arrive("192.0.2.1")
    arrival.dataReceived(b"\0\x1d")
    assert other.aborted
    assert not silent.aborted
    doorway.clock.pump([0.5] * int(2 * FIRST_BYTES_TIME + 2))
    assert silent.aborted


def test_a_network_with_many_handshakes_competes_with_itself(doorway: Doorway) -> None:
    """A client of another network keeps its place."""
    _, other = doorway.arrive("198.51.100.1")
    many = [doorway.arrive("192.0.2.1")[1] for _ in range(MAX_NEWCOMERS + 100)]
    assert sum(one.aborted for one in many) == 101
    assert not other.aborted


@pytest.mark.parametrize(
    ("files", "handshakes", "carried"),
    [(OPEN_FILES, MAX_NEWCOMERS, MAX_CARRIED), (60, 40, 10), (1, 1, 1)],
)
def test_few_open_files_are_divided(
    doorway: Doorway, files: int, handshakes: int, carried: int
) -> None:
    """What is carried takes two."""
    arrived = [doorway.arrive(f"10.0.{number}.1")[1] for number in range(100)]
    doorway.door.limit(files)
    assert sum(not one.aborted for one in arrived) == min(100, handshakes)
    assert doorway.factory.most_carried == carried


def test_a_client_that_takes_nothing_of_what_is_carried_is_closed() -> None:
    """While it takes nothing, the end of the transfer process is not seen."""
    clock, transport, client = Clock(), StringTransport(), Transport()
    source = Source(transport, clock, client.abortConnection)
    for _ in range(3):
        source.pauseProducing()
        assert transport.producerState == "paused"
        clock.advance(CLIENT_TIME - 1)
        source.resumeProducing()
        assert transport.producerState == "producing"
    source.pauseProducing()
    clock.advance(CLIENT_TIME - 1)
    assert not client.aborted
    clock.advance(1)
    assert client.aborted


def test_half_of_what_is_carried_is_for_secondaries_only(doorway: Doorway) -> None:
    factory = doorway.factory
    factory.carried = factory.carried_others = MAX_CARRIED // 2 - 1
    assert factory.has_room_for("198.51.100.1")
    factory.carried = factory.carried_others = MAX_CARRIED // 2
    assert not factory.has_room_for("198.51.100.1")
    assert factory.has_room_for(SECONDARY)
    factory.carried = MAX_CARRIED
    assert not factory.has_room_for(SECONDARY)
