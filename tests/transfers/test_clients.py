"""Places for connections: secondaries always find one, and no network takes all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from failoverdns.transfers.clients import KEPT, MOST, MOST_OF_ONE, Places

SECONDARY = "192.0.2.53"


@dataclass(eq=False)
class Connection:
    host: str
    is_idle: bool = False
    closed: list[str] = field(default_factory=list)

    def let_go(self) -> None:
        self.closed.append(self.host)


def places() -> Places:
    found = Places()
    found.configure([SECONDARY])
    return found


def filled(found: Places, hosts: list[str]) -> int:
    """Enter a connection from each host; return how many got a place."""
    return sum(found.enter(Connection(host)) for host in hosts)


def test_one_network_has_a_bounded_number_of_places() -> None:
    found = places()
    assert filled(found, [f"198.51.100.{number}" for number in range(100)]) == MOST_OF_ONE
    assert filled(found, ["203.0.113.1"]) == 1


def test_addresses_inside_one_ipv6_network_count_together() -> None:
    found = places()
    assert filled(found, [f"2001:db8::{number:x}" for number in range(100)]) == MOST_OF_ONE


def test_a_configured_secondary_finds_a_place_when_all_others_are_taken() -> None:
    found = places()
    many = [f"10.{number}.0.1" for number in range(2 * MOST % 256 + 255)]
    assert filled(found, many) == MOST - KEPT
    assert filled(found, [SECONDARY]) == 1


def test_a_secondary_cannot_take_more_than_all_places() -> None:
    found = places()
    assert filled(found, [SECONDARY] * (MOST + 10)) == MOST


def test_an_idle_connection_makes_room_for_a_new_one() -> None:
    found = places()
    first, *others = [Connection(f"198.51.100.{number}", True) for number in range(MOST_OF_ONE)]
    for one in (first, *others):
        assert found.enter(one)
    found.touch(first)
    assert found.enter(Connection("198.51.100.200"))
    assert (first.closed, others[0].closed) == ([], ["198.51.100.1"])
    assert len(found) == MOST_OF_ONE


def test_a_place_is_free_again_when_its_connection_has_ended() -> None:
    found = places()
    connections = [Connection("198.51.100.1") for _ in range(MOST_OF_ONE)]
    for one in connections:
        found.enter(one)
    assert not found.enter(Connection("198.51.100.2"))
    found.leave(connections[3])
    found.leave(connections[3])
    assert found.enter(Connection("198.51.100.2"))


def test_with_few_open_files_there_are_fewer_places() -> None:
    found = places()
    found.limit(10)
    assert filled(found, [f"10.{number}.0.1" for number in range(20)]) == 5
    assert filled(found, [SECONDARY] * 20) == 5
