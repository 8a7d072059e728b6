"""Hostnames are resolved when they are due, and answers are submitted as commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from corridors import ZONE, Corridor
from driving import Gate, at_once, run
from nameserver import NameServer
from tables import ask, lines, query

from failoverdns.model.application import HeadRole
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication, AddHead
from failoverdns.model.commands.groups import AddGroup, SetGroup
from failoverdns.model.commands.server import Configure
from failoverdns.resolving.refreshing import Refreshing, RefreshingEffects

HOST = "lb.cloud.example."


@dataclass
class World:
    """A ledger, a resolver, and a clock that the test moves."""

    corridor: Corridor
    resolver: NameServer
    now: float = 0.0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build the part that refreshes."""

        async def submit(command: Mutation) -> None:
            self.corridor.do(command)

        effects = RefreshingEffects(
            state=lambda: self.corridor.ledger.state,
            submit=submit,
            in_thread=at_once,
            spawn=Gate().spawn,
            clock=lambda: self.now,
            log=self.said.append,
        )
        self.refreshing = Refreshing([("127.0.0.1", self.resolver.port)], effects)

    def at(self, now: float) -> int:
        """Tick at a time; return how many queries the resolver got."""
        before, self.now = self.resolver.asked, now
        self.refreshing.tick()
        return self.resolver.asked - before

    def answer(self) -> list[str]:
        """Return the answer to a query for the group."""
        return lines(ask(self.corridor.table, query("shop.failover.test")).answer)


@pytest.fixture
def world() -> Iterator[World]:
    resolver = NameServer()
    corridor = Corridor()
    corridor.do(Configure((ZONE,)))
    corridor.do(AddApplication("eu"))
    corridor.do(AddHead("eu", "lb", HeadRole.LOAD_BALANCER, hostname=HOST))
    corridor.do(AddGroup("shop", label="shop", primary="eu", flatten=True))
    try:
        yield World(corridor, resolver)
    finally:
        resolver.close()


def test_a_hostname_is_resolved_before_its_ttl_expires_and_no_sooner(world: World) -> None:
    """At half of it; new addresses are recorded in history, a new TTL is not."""
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=60)
    revision = world.corridor.ledger.state.revision
    assert world.at(0) == 2
    assert world.answer() == ["shop.failover.test. 30 IN A 192.0.2.7"]
    assert world.corridor.ledger.state.revision == revision + 1
    assert world.at(29) == 0
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=40)
    assert world.at(30) == 2
    assert world.answer() == ["shop.failover.test. 20 IN A 192.0.2.7"]
    assert world.corridor.ledger.state.revision == revision + 1
    world.resolver.has(HOST, "A", "192.0.2.9", ttl=40)
    assert world.at(50) == 2
    assert world.answer() == ["shop.failover.test. 20 IN A 192.0.2.9"]
    assert world.corridor.ledger.state.revision == revision + 2


def test_the_addresses_of_a_removed_name_stay_and_it_is_resolved_less_and_less_often(
    world: World,
) -> None:
    """A problem is logged when it begins and when it ends."""
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=60)
    world.at(0)
    del world.resolver.zone[HOST, "A"]
    asked = [now for now in range(1, 200) if world.at(now)]
    assert asked == [30, 40, 60, 100, 160]
    assert world.answer() == ["shop.failover.test. 10 IN A 192.0.2.7"]
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=60)
    world.at(500)
    assert world.said == [
        "lb.cloud.example: it has no addresses",
        "lb.cloud.example: resolves again",
    ]


def test_unneeded_hostnames_are_neither_resolved_nor_kept(world: World) -> None:
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=60)
    world.at(0)
    world.corridor.do(SetGroup("shop", flatten=False))
    (change,) = run(world.corridor.store.history(None, 1))
    world.refreshing.announce(change)
    assert world.at(1000) == 0
    assert list(world.corridor.ledger.state.all_resolved()) == []
    assert world.answer() == ["shop.failover.test. 60 IN CNAME lb.cloud.example."]


def test_nothing_is_resolved_after_the_end(world: World) -> None:
    world.refreshing.stop()
    assert world.at(0) == 0
