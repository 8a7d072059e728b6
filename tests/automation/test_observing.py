"""Probe results become health, once each, and what was reported does not count for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest
from corridors import ZONE, Corridor, build_shop
from driving import Gate

from failoverdns.automation.observing import Observing, ObservingEffects
from failoverdns.model import commands as system_commands
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Json
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    AddHead,
    RemoveHead,
    RenameHead,
    SetApplication,
    SetHead,
)
from failoverdns.model.commands.groups import AddGroup
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Cause, Check, CheckKind, Health, ProbeResult, ProbeTarget
from failoverdns.model.policy import AutomationSettings
from failoverdns.rules.derived.probe_targets import Address, TallyKey

WEB = Check("web", CheckKind.TCP, port=80, up_after=2, down_after=3)
BEAT = Check("beat", CheckKind.PUSH, up_after=1, down_after=2, ttl=60.0)
GOOD = ProbeResult(None, "connected", 0.001)
BAD = ProbeResult(Cause.REFUSED, "port 80", 0.001)
EU = IPv4Address("192.0.2.1")


@dataclass
class World:
    """A ledger with the group `shop`, and what is to be probed."""

    corridor: Corridor = field(default_factory=Corridor)
    targets: Mapping[TallyKey, ProbeTarget] = field(default_factory=dict)
    resolved: dict[str, tuple[Address, ...]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    refusal: Rejected | None = None

    def __post_init__(self) -> None:
        """Make what observes."""
        self.corridor.do(system_commands.Configure((ZONE,), AutomationSettings((WEB, BEAT))))
        build_shop(self.corridor)

        async def submit(command: Mutation) -> None:
            if self.refusal is not None:
                raise self.refusal
            self.corridor.do(command)

        self.effects = ObservingEffects(
            state=lambda: self.corridor.ledger.state,
            submit=submit,
            spawn=Gate().spawn,
            soon=lambda call: call(),
            addresses=lambda name: self.resolved.get(name.to_text(), ()),
            now=lambda: self.corridor.now,
            steady=lambda: self.corridor.now,
            log=self.said.append,
        )
        self.observing = Observing(self, self.effects)
        self.corridor.listeners.append(self.observing.announce)

    def set_targets(self, targets: Mapping[TallyKey, ProbeTarget]) -> None:
        """Note what is to be probed."""
        self.targets = targets

    def do(self, command: Mutation) -> None:
        """Carry out a command."""
        self.corridor.do(command)

    def key(self, address: Address = EU, check: str = "web", head: str = "lb") -> TallyKey:
        """Return the key of a target of the application `eu`."""
        return TallyKey(self.application.id, head, check, address)

    @property
    def application(self) -> Any:
        """The application `eu`."""
        return self.corridor.ledger.state.application_named("eu")

    @property
    def health(self) -> list[Health]:
        """What the state says of the heads of `eu`."""
        heads = self.application.heads
        return [h.observed.health if h.observed else Health.UNKNOWN for h in heads]

    def seen(self) -> list[Any]:
        """What the probes of `eu` last saw."""
        return self.observing.last_seen(self.application)


@pytest.fixture
def world() -> World:
    made = World()
    made.do(SetApplication("eu", ("web",)))
    return made


def test_every_address_of_every_head_is_probed_by_every_check(world: World) -> None:
    """Standby ones too; of a hostname what it resolves to; of a push check nothing."""
    web1 = ip_address("2001:db8::1"), ip_address("192.0.2.9")
    world.do(AddHead("eu", "web1", HeadRole.WEB_SERVER, web1))
    cloud = AddHead("eu", "cloud", HeadRole.LOAD_BALANCER, (), "lb.example", True)
    world.resolved["lb.example"] = (ip_address("192.0.2.77"),)
    world.do(cloud)
    world.do(SetApplication("eu", ("web", "beat")))
    assert {(key.head, str(key.address)) for key in world.targets} == {
        ("lb", "192.0.2.1"),
        ("web1", "2001:db8::1"),
        ("web1", "192.0.2.9"),
        ("cloud", "192.0.2.77"),
    }
    assert {target.names for target in world.targets.values()} == {("shop.failover.test",)}
    world.do(RemoveHead("eu", "web1"))
    assert {key.head for key in world.targets} == {"lb", "cloud"}
    world.do(SetApplication("eu", ()))
    assert world.targets == {}


def test_a_head_is_up_or_down_after_so_many_results_in_a_row(world: World) -> None:
    """Each change is one change in the history, with its cause; other results are none."""
    revision = world.corridor.ledger.state.revision
    for result, expected in [
        (GOOD, Health.UNKNOWN),
        (GOOD, Health.UP),
        (GOOD, Health.UP),
        (BAD, Health.UP),
        (BAD, Health.UP),
        (GOOD, Health.UP),
        (BAD, Health.UP),
        (BAD, Health.UP),
        (BAD, Health.DOWN),
        (BAD, Health.DOWN),
    ]:
        world.observing.learn(world.key(), result)
        assert world.health == [expected]
    assert world.corridor.ledger.state.revision == revision + 2
    observed = world.application.heads[0].observed
    assert (observed.cause, observed.detail) == (Cause.REFUSED, "port 80")


def test_a_head_with_several_addresses_is_down_if_one_of_them_is(world: World) -> None:
    """Clients use any of them."""
    other = ip_address("192.0.2.8")
    world.do(SetHead("eu", "lb", (EU, other)))
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UNKNOWN]
    for _ in range(2):
        world.observing.learn(world.key(other), GOOD)
    assert world.health == [Health.UP]
    for _ in range(3):
        world.observing.learn(world.key(other), BAD)
    assert world.health == [Health.DOWN]


def test_a_hostname_is_up_if_one_of_its_addresses_is_and_down_if_it_has_none(
    world: World,
) -> None:
    one, two = ip_address("192.0.2.77"), ip_address("192.0.2.78")
    world.do(SetHead("eu", "lb", (), "lb.example"))
    (hostname,) = world.observing.hostnames()
    for _ in range(3):
        world.observing.unresolved(hostname, "no such name")
    assert world.health == [Health.DOWN]
    assert world.application.heads[0].observed.cause is Cause.RESOLVE
    world.resolved["lb.example"] = (one, two)
    world.observing.look()
    for _ in range(3):
        world.observing.learn(world.key(one), BAD)
    for _ in range(2):
        world.observing.learn(world.key(two), GOOD)
    assert world.health == [Health.UP]


def test_a_head_that_moves_is_not_known_until_it_is_probed_there(world: World) -> None:
    """What was seen at its former address says nothing; a new name changes nothing."""
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    world.do(RenameHead("eu", "lb", "front"))
    assert world.health == [Health.UP]
    world.do(SetHead("eu", "front", (ip_address("192.0.2.99"),)))
    assert world.health == [Health.UNKNOWN]
    world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UNKNOWN]


def test_a_change_that_was_refused_is_tried_again_with_the_next_result(world: World) -> None:
    world.refusal = Rejected("busy", "too many commands are waiting")
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UNKNOWN]
    assert world.said == ["health of lb is not updated: too many commands are waiting"]
    world.refusal = None
    world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UP]


def test_what_probes_last_saw_can_be_asked_for(world: World) -> None:
    """Before the first result too."""
    head: dict[str, Json] = {
        "head": "lb",
        "check": "web",
        "type": "tcp",
        "address": "192.0.2.1",
    }
    assert world.seen() == [{**head, "health": "unknown", "result": None}]
    world.observing.learn(world.key(), GOOD)
    world.observing.learn(world.key(), BAD)
    assert world.seen() == [
        {
            **head,
            "health": "unknown",
            "result": "bad",
            "cause": "refused",
            "detail": "port 80",
            "in_a_row": 1,
            "milliseconds": 1.0,
            "at": "1970-01-01T00:16:40.000Z",
        }
    ]


def test_a_result_of_what_is_not_probed_any_more_is_nothing(world: World) -> None:
    key = world.key()
    world.do(SetApplication("eu", ()))
    for _ in range(5):
        world.observing.learn(key, BAD)
    assert world.health == [Health.UNKNOWN]


def test_what_becomes_of_many_heads_in_a_moment_is_one_change(world: World) -> None:
    """A mass outage does not become a thousand commits."""
    for number in range(50):
        world.do(
            AddHead(
                "eu", f"web{number}", HeadRole.WEB_SERVER, (ip_address(f"192.0.2.{number + 100}"),)
            )
        )
    later: list[Callable[[], None]] = []
    world.observing = Observing(world, replace(world.effects, soon=later.append))
    world.observing.look()
    revision = world.corridor.ledger.state.revision
    for _ in range(3):
        for key in world.targets:
            world.observing.learn(key, BAD)
    (judge,) = later
    judge()
    assert set(world.health) == {Health.DOWN}
    assert world.corridor.ledger.state.revision == revision + 1


def test_a_head_whose_checks_count_otherwise_is_judged_anew(world: World) -> None:
    """Though nothing else is probed than before."""
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UP]
    world.do(SetApplication("eu", require_checks="any"))
    assert world.health == [Health.UNKNOWN]
    world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UP]


def test_a_check_that_looks_elsewhere_begins_anew(world: World) -> None:
    """What was seen at another port says nothing; other names of the same place change nothing."""
    for _ in range(2):
        world.observing.learn(world.key(), BAD)
    world.do(AddGroup("blog", primary="eu"))
    moved = replace(WEB, port=81)
    world.do(system_commands.Configure((ZONE,), AutomationSettings((moved, BEAT))))
    world.observing.look()
    world.observing.learn(world.key(), BAD)
    assert world.health == [Health.UNKNOWN]
    for _ in range(2):
        world.observing.learn(world.key(), BAD)
    assert world.health == [Health.DOWN]
