"""Hostnames of heads are asked of a real resolver, and the last good addresses stay."""

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
    """A resolver, and who asks it."""

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
        """End it."""
        self.hostnames.stop()
        self.resolver.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    try:
        yield made
    finally:
        made.close()


def test_a_hostname_is_asked_for_at_once_and_told_when_it_is_known(world: World) -> None:
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


def test_when_it_does_not_resolve_any_more_the_last_addresses_stay(world: World) -> None:
    """A resolver that fails says nothing of the head."""
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


def test_one_that_never_resolved_is_a_problem_that_is_told(world: World) -> None:
    world.hostnames.addresses(NAME)
    turn_until(lambda: bool(world.problems))
    assert world.problems == ["it has no addresses"]


def test_a_resolver_that_is_slow_is_not_asked_again_before_it_has_answered(world: World) -> None:
    """However often the hostname is wanted meanwhile; one question each for A and AAAA."""
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


def test_without_resolvers_the_machine_is_asked() -> None:
    assert ask_the_system(DomainName.from_text("localhost")).is_good
