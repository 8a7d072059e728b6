"""Hostnames of heads are resolved by a real resolver, and the last good addresses stay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from ipaddress import ip_address

import dns.message
import pytest
from heads import DEADLINE, reactor, turn_until
from nameserver import NameServer

from failoverdns.automation.hostnames import Hostnames, ask_the_system
from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress

HOST = "lb.cloud.example."
NAME = DomainName.from_text(HOST)


class World:
    """A resolver, and the hostnames that are resolved with it."""

    def __init__(self) -> None:
        self.resolver = NameServer()
        self.altered = 0
        self.problems: list[str] = []
        self.hostnames = Hostnames(
            reactor(), self._note, lambda _, text: self.problems.append(text)
        )
        where = ListenAddress(ip_address("127.0.0.1"), self.resolver.port)
        self.hostnames.resolvers = (where,)
        self.hostnames.start()

    def _note(self) -> None:
        self.altered += 1

    def close(self) -> None:
        """Stop both."""
        self.hostnames.stop()
        self.resolver.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    try:
        yield made
    finally:
        made.close()


def test_a_hostname_is_resolved_at_once_and_reported_when_its_addresses_are_known(
    world: World,
) -> None:
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=60)
    assert world.hostnames.addresses(NAME) == ()
    turn_until(lambda: world.altered == 1)
    assert world.hostnames.addresses(NAME) == (ip_address("192.0.2.7"),)
    world.resolver.has(HOST, "AAAA", "2001:db8::7", ttl=60)
    world.hostnames.refresh((NAME,))
    turn_until(lambda: world.altered == 2)
    assert set(world.hostnames.addresses(NAME)) == {
        ip_address("192.0.2.7"),
        ip_address("2001:db8::7"),
    }


def test_the_last_addresses_stay_when_a_hostname_does_not_resolve_any_more(world: World) -> None:
    """A failing resolver does not mean that the head fails."""
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=60)
    world.hostnames.addresses(NAME)
    turn_until(lambda: world.altered == 1)
    del world.resolver.zone[HOST, "A"]
    asked = world.resolver.asked

    def asked_twice_more() -> bool:
        world.hostnames.refresh((NAME,))
        return world.resolver.asked >= asked + 4

    turn_until(asked_twice_more)
    assert world.hostnames.addresses(NAME) == (ip_address("192.0.2.7"),)
    assert world.problems == []


def test_a_hostname_that_never_resolved_is_reported_as_a_problem(world: World) -> None:
    world.hostnames.addresses(NAME)
    turn_until(lambda: bool(world.problems))
    assert world.problems == ["it has no addresses"]


def test_a_slow_resolver_is_not_asked_again_before_it_has_answered(world: World) -> None:
    """However often the addresses are wanted meanwhile; one query each for A and AAAA."""
    asked: list[str] = []
    answer = threading.Event()

    def slowly(reply: dns.message.Message) -> None:
        asked.append(reply.question[0].to_text())
        answer.wait(DEADLINE)

    for rtype in ("A", "AAAA"):
        world.resolver.zone[HOST, rtype] = slowly
    world.resolver.has("other.example.", "A", "192.0.2.8")
    world.hostnames.addresses(NAME)
    turn_until(lambda: bool(asked))
    for _ in range(3):
        world.hostnames.addresses(NAME)
        world.hostnames.refresh((NAME,))
    answer.set()
    turn_until(lambda: bool(world.problems))
    world.hostnames.addresses(DomainName.from_text("other.example."))
    turn_until(lambda: world.altered == 1)
    assert sorted(asked) == [f"{HOST} IN A", f"{HOST} IN AAAA"]


def test_without_configured_resolvers_the_system_resolver_is_used() -> None:
    assert ask_the_system(DomainName.from_text("localhost")).is_good
