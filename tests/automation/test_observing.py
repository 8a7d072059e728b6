"""Probe results become health, each change once, and outdated results do not count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest
from corridors import ZONE, Corridor, build_shop
from driving import Gate

from failoverdns.automation.observing import Observing, ObservingEffects
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
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Cause, Check, CheckKind, Health, ProbeResult, ProbeTarget
from failoverdns.model.policy import AutomationSettings
from failoverdns.rules.derived.probe_targets import Address, TallyKey

WEB = Check("web", CheckKind.TCP, port=80, up_after=2, down_after=3)
BEAT = Check("beat", CheckKind.PUSH, up_after=1, down_after=2, ttl=60.0)
GOOD = ProbeResult(None, "connected", 0.001)
BAD = ProbeResult(Cause.REFUSED, "port 80", 0.001)
NOTHING = ProbeResult(Cause.LOCAL, "this machine has no route to 192.0.2.1", 0.0)
EU = IPv4Address("192.0.2.1")


@dataclass
class World:
    """A ledger with the group `shop`, and the targets that are probed."""

    corridor: Corridor = field(default_factory=Corridor)
    targets: Mapping[TallyKey, ProbeTarget] = field(default_factory=dict)
    resolved: dict[str, tuple[Address, ...]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    refusal: Rejected | None = None
    fast: set[TallyKey] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Build the part that observes."""
        self.corridor.do(Configure((ZONE,), AutomationSettings((WEB, BEAT))))
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
        """Take the targets that are probed."""
        self.targets = targets

    def is_fast(self, key: TallyKey) -> bool:
        """Return whether a target is among the fast ones."""
        return key in self.fast

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
        """The health of the heads of `eu` in the state."""
        heads = self.application.heads
        return [h.observed.health if h.observed else Health.UNKNOWN for h in heads]

    def seen(self) -> list[Any]:
        """The last results of the probes of `eu`."""
        return self.observing.last_seen(self.application)


@pytest.fixture
def world() -> World:
    made = World()
    made.do(SetApplication("eu", ("web",)))
    return made


def test_every_address_of_every_head_is_probed_by_every_check(world: World) -> None:
    """Standby heads too; every address of a hostname; nothing for a push check."""
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


def test_a_head_goes_up_or_down_after_a_number_of_results_in_a_row(world: World) -> None:
    """Each change is one change in the history, with its cause; other results are not."""
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
    """DNS clients use any of them."""
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


def test_a_head_that_this_machine_cannot_probe_any_more_is_unknown_and_never_down(
    world: World,
) -> None:
    """So nothing switches to it; when it can be probed again, its health is known again."""
    for expected, result, times in (
        (Health.UNKNOWN, NOTHING, 5),
        (Health.UP, GOOD, 2),
        (Health.UP, NOTHING, 2),
        (Health.UNKNOWN, NOTHING, 1),
        (Health.UNKNOWN, GOOD, 1),
        (Health.UP, GOOD, 1),
        (Health.DOWN, BAD, 3),
        (Health.UNKNOWN, NOTHING, 3),
    ):
        for _ in range(times):
            world.observing.learn(world.key(), result)
        assert world.health == [expected]
    observed = world.application.heads[0].observed
    assert (observed.cause, observed.detail) == (Cause.LOCAL, NOTHING.detail)
    assert world.observing.lacking() == [{"what": NOTHING.detail, "targets": 1}]
    assert world.said == [f"probes find nothing out: {NOTHING.detail}"]
    assert [(one["result"], one["in_a_row"]) for one in world.seen()] == [("unknown", 3)]


def test_an_address_that_this_machine_cannot_probe_leaves_the_decision_to_the_other(
    world: World,
) -> None:
    """Also where that shows only after the other address is known."""
    six = ip_address("2001:db8::1")
    world.do(SetHead("eu", "lb", (EU, six)))
    world.observing.learn(world.key(six), GOOD)
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UNKNOWN]
    world.observing.learn(world.key(six), NOTHING)
    assert world.health == [Health.UP]
    for _ in range(3):
        world.observing.learn(world.key(), BAD)
    assert world.health == [Health.DOWN]


def test_a_hostname_is_up_if_one_of_its_addresses_is_up_and_down_if_it_has_none(
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


def test_a_head_that_moves_has_unknown_health_until_its_new_address_is_probed(world: World) -> None:
    """Results at its former address do not count; a new name changes nothing."""
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    world.do(RenameHead("eu", "lb", "front"))
    assert world.health == [Health.UP]
    world.do(SetHead("eu", "front", (ip_address("192.0.2.99"),)))
    assert world.health == [Health.UNKNOWN]
    world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UNKNOWN]


def test_a_refused_change_is_tried_again_with_the_next_result(world: World) -> None:
    world.refusal = Rejected("busy", "too many commands are waiting")
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UNKNOWN]
    assert world.said == ["health of lb is not updated: too many commands are waiting"]
    world.refusal = None
    world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UP]


def test_the_last_result_of_each_probe_can_be_shown(world: World) -> None:
    """Also before the first result."""
    head: dict[str, Json] = {
        "head": "lb",
        "check": "web",
        "type": "tcp",
        "address": "192.0.2.1",
    }
    calm: dict[str, Json] = {
        "probed_every": 10.0,
        "fast": False,
        "server_name": None,
        "host": None,
        "advice": None,
    }
    assert world.seen() == [{**head, "health": "unknown", **calm, "result": None}]
    world.observing.learn(world.key(), GOOD)
    world.fast.add(world.key())
    world.observing.learn(world.key(), BAD)
    assert world.seen() == [
        {
            **head,
            "health": "unknown",
            "probed_every": 1.0,
            "fast": True,
            "server_name": None,
            "host": None,
            "advice": None,
            "result": "bad",
            "cause": "refused",
            "detail": "port 80",
            "in_a_row": 1,
            "milliseconds": 1.0,
            "at": "1970-01-01T00:16:40.000Z",
        }
    ]


def test_a_result_of_a_removed_target_is_ignored(world: World) -> None:
    key = world.key()
    world.do(SetApplication("eu", ()))
    for _ in range(5):
        world.observing.learn(key, BAD)
    assert world.health == [Health.UNKNOWN]


def test_changes_of_many_heads_in_a_moment_are_one_change(world: World) -> None:
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


def test_the_health_of_a_head_is_judged_again_when_its_checks_count_differently(
    world: World,
) -> None:
    """Though the same targets are probed as before."""
    for _ in range(2):
        world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UP]
    world.do(SetApplication("eu", require_checks="any"))
    assert world.health == [Health.UNKNOWN]
    world.observing.learn(world.key(), GOOD)
    assert world.health == [Health.UP]


def test_a_check_of_another_port_starts_without_results(world: World) -> None:
    """Results at the former port do not count; other names for the same target change nothing."""
    for _ in range(2):
        world.observing.learn(world.key(), BAD)
    world.do(AddGroup("blog", primary="eu"))
    moved = replace(WEB, port=81)
    world.do(Configure((ZONE,), AutomationSettings((moved, BEAT))))
    world.observing.look()
    world.observing.learn(world.key(), BAD)
    assert world.health == [Health.UNKNOWN]
    for _ in range(2):
        world.observing.learn(world.key(), BAD)
    assert world.health == [Health.DOWN]


def test_a_result_that_differs_from_the_health_asks_for_fast_probes(world: World) -> None:
    """`learn` returns whether the target is settled."""
    learn, key = world.observing.learn, world.key()
    assert [learn(key, GOOD) for _ in range(3)] == [False, True, True]
    assert [learn(key, result) for result in (BAD, GOOD, BAD, BAD)] == [False, True, False, False]


def test_a_result_of_a_target_that_is_gone_asks_for_no_fast_probes(world: World) -> None:
    assert world.observing.learn(TallyKey("app-99", "lb", "web", EU), BAD)
