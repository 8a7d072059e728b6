"""Hostnames are asked for when it is time, and what is told enters by the change corridor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from corridors import ZONE, Corridor
from driving import Gate, at_once, run
from nameserver import NameServer
from tables import ask, lines, query

from failoverdns.model import commands as system_commands
from failoverdns.model.application import HeadRole
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication, AddHead
from failoverdns.model.commands.groups import AddGroup, SetGroup
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
        """Make what refreshes."""

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
        """Tick at a time; return how many questions the resolver was asked."""
        before, self.now = self.resolver.asked, now
        self.refreshing.tick()
        return self.resolver.asked - before

    def answer(self) -> list[str]:
        """Return what a query for the group gets."""
        return lines(ask(self.corridor.table, query("shop.failover.test")).answer)


@pytest.fixture
def world() -> Iterator[World]:
    resolver = NameServer()
    corridor = Corridor()
    corridor.do(system_commands.Configure((ZONE,)))
    corridor.do(AddApplication("eu"))
    corridor.do(AddHead("eu", "lb", HeadRole.LOAD_BALANCER, hostname=HOST))
    corridor.do(AddGroup("shop", label="shop", primary="eu", flatten=True))
    try:
        yield World(corridor, resolver)
    finally:
        resolver.close()


def test_a_hostname_is_asked_for_before_its_ttl_is_over_and_no_sooner(world: World) -> None:
    """At half of it; other addresses are history, another TTL is not."""
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


def test_a_name_that_is_gone_stays_and_is_asked_for_less_and_less(world: World) -> None:
    """A problem is said when it begins and when it ends."""
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


def test_what_is_not_needed_any_more_is_neither_asked_for_nor_kept(world: World) -> None:
    world.resolver.has(HOST, "A", "192.0.2.7", ttl=60)
    world.at(0)
    world.corridor.do(SetGroup("shop", flatten=False))
    (change,) = run(world.corridor.store.history(None, 1))
    world.refreshing.announce(change)
    assert world.at(1000) == 0
    assert list(world.corridor.ledger.state.all_resolved()) == []
    assert world.answer() == ["shop.failover.test. 60 IN CNAME lb.cloud.example."]


def test_nothing_is_asked_after_the_end(world: World) -> None:
    world.refreshing.stop()
    assert world.at(0) == 0
