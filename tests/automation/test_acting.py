"""Groups are checked when a change may concern them, and commands that are due are sent once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from corridors import ZONE, Corridor, build_shop
from driving import Gate, run

from failoverdns.automation.acting import AT_ONCE, LOOK_AGAIN, Acting, ActingEffects
from failoverdns.changes.batch import Outcome, Submission
from failoverdns.model.change import Json
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication
from failoverdns.model.commands.automation import SetFlag
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health
from failoverdns.model.policy import AutomationSettings, Mode, Policy
from failoverdns.model.policy import Gate as GateRule
from failoverdns.model.principal import unix_principal

AUTO = Policy("auto", Mode.AUTOMATIC, grace=30.0, cooldown=0.0)
TERMS = AutomationSettings((), (AUTO,))
OFFICE = GateRule("office", ("*",), flag="office")


@dataclass
class World:
    """A ledger with the group `shop`, which may switch by itself, and two clocks."""

    settings: AutomationSettings = TERMS
    corridor: Corridor = field(default_factory=Corridor)
    programs: Gate = field(default_factory=Gate)
    """While it is closed, programs that have to agree do not answer."""
    queue: Gate = field(default_factory=Gate)
    """While it is closed, commands do not reach the ledger."""
    objections: tuple[RuleFailure, ...] = ()
    asked: list[Mapping[str, Json]] = field(default_factory=list)
    refusal: Rejected | None = None
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build the part that acts."""
        self.work = Gate()
        self.corridor.do(Configure((ZONE,), self.settings))
        build_shop(self.corridor)
        ledger = self.corridor.ledger

        async def submit(command: Mutation, word: str) -> None:
            await self.queue()
            if self.refusal is not None:
                raise self.refusal

            def reply(outcome: Outcome) -> None:
                assert not isinstance(outcome, Rejected), outcome

            ledger.submit(Submission(command, unix_principal(0, 0, "us"), {"command": word}, reply))

        async def approve(planned: Mapping[str, Json]) -> tuple[RuleFailure, ...]:
            self.asked.append(planned)
            await self.programs()
            return self.objections

        self.effects = ActingEffects(
            state=lambda: ledger.state,
            submit=submit,
            approval=lambda: approve,
            spawn=self.work.spawn,
            now=lambda: self.corridor.now + self.corridor.ahead,
            steady=lambda: self.corridor.now,
            log=self.said.append,
        )
        self.acting = Acting(self.effects)
        self.corridor.listeners.append(self.acting.announce)
        self.do(SetGroup("shop", policy="auto"))
        self.force("us", Health.UP)

    def do(self, command: Mutation) -> None:
        """Carry out a command, and check the groups that it concerns."""
        self.corridor.do(command)
        self.acting.act()

    def force(self, application: str, health: Health) -> None:
        """Force the health of an application."""
        self.do(ForceHealth(application, None, health))

    def later(self, seconds: float) -> float | None:
        """Let time pass by both clocks, and act; return when to act again."""
        self.corridor.now += seconds
        return self.acting.act()

    @property
    def group(self) -> Group:
        """The group `shop`."""
        return self.group_called("shop")

    def group_called(self, name: str) -> Group:
        """Return a group by name."""
        group = self.corridor.ledger.state.group_named(name)
        assert group is not None
        return group

    @property
    def commands(self) -> list[Any]:
        """The commands of automation in the history."""
        changes = run(self.corridor.store.changes_after(0))
        return [dict(change.command) for change in changes if change.principal.detail.pid == 0]


def test_a_group_switches_at_the_end_of_its_grace_and_no_sooner() -> None:
    world = World()
    world.force("eu", Health.DOWN)
    assert world.acting.act() == 1030.0
    assert world.later(29.9) == 1030.0
    assert world.group.active is Side.PRIMARY
    world.later(0.2)
    assert world.group.active is Side.BACKUP
    assert world.commands == [
        {
            "command": "automatic",
            "groups": ["shop"],
            "to": "backup",
            "reason": "the primary is down and the backup is up",
        }
    ]
    assert world.acting.report() == {
        "frozen": None,
        "groups": 1,
        "switches": 1,
        "refused": {},
    }


def test_a_primary_that_recovers_in_time_changes_nothing() -> None:
    world = World()
    world.force("eu", Health.DOWN)
    world.later(29)
    world.force("eu", Health.UP)
    world.later(3600)
    assert world.group.active is Side.PRIMARY
    assert world.commands == []


def test_a_refusal_is_recorded_once_and_the_group_switches_when_it_is_lifted() -> None:
    """It is checked again every few seconds, because some rules wait for time to pass."""
    world = World(AutomationSettings((), (AUTO,), (OFFICE,)))
    world.force("eu", Health.DOWN)
    world.later(31)
    for _ in range(10):
        again = world.later(LOOK_AGAIN)
        assert again == world.corridor.now + LOOK_AGAIN
    assert world.said == ["shop: not switched to the backup, refused by office"]
    (refusal,) = world.commands
    assert (refusal["held"], refusal["group"], refusal["to"]) == (["office"], "shop", "backup")
    assert world.acting.report()["refused"] == {"office": 1}
    world.do(SetFlag("office", True))
    assert world.group.active is Side.BACKUP
    assert world.group.automation.held is None
    assert world.said[1:] == ["shop: switched to the backup by itself"]


def test_hooks_that_have_to_agree_are_asked_but_not_too_often() -> None:
    """Again after a minute; an objection is recorded like a rule's refusal, until they agree."""
    world = World()
    world.objections = (RuleFailure("before-switch", "the database says no", "shop"),)
    world.force("eu", Health.DOWN)
    world.later(31)
    for _ in range(59):
        world.later(1)
    assert len(world.asked) == 1
    assert world.asked[0]["reason"] == "the primary is down and the backup is up"
    (planned,) = world.asked[0]["groups"]  # type: ignore[misc]
    assert planned["to"] == "backup"  # type: ignore[call-overload, index]
    assert world.group.automation.held is not None
    assert world.group.automation.held.reasons == ("before-switch",)
    world.objections = ()
    world.later(1)
    assert len(world.asked) == 2
    assert world.group.active is Side.BACKUP


def test_a_command_that_the_ledger_cannot_take_now_is_tried_again() -> None:
    world = World()
    world.refusal = Rejected("unavailable", "the disk is full")
    world.force("eu", Health.DOWN)
    world.later(31)
    assert world.group.active is Side.PRIMARY
    assert "the disk is full" in world.said[-1]
    world.refusal = None
    world.later(LOOK_AGAIN)
    assert world.group.active is Side.BACKUP


def test_setting_the_clock_switches_nothing() -> None:
    """The grace is counted by the monotonic clock."""
    world = World()
    world.force("eu", Health.DOWN)
    for jump in (3600.0, -3600.0):
        world.corridor.ahead = jump
        world.acting.act()
        assert world.group.active is Side.PRIMARY


def test_a_planned_switch_lowers_the_ttl_waits_and_switches() -> None:
    """Also of a group without a policy; hooks are asked at the time of the switch."""
    world = World()
    world.do(SetGroup("shop", policy=""))
    world.do(Switch(("shop",), at=world.corridor.now + 600, pre_ttl=5, reason="works"))
    assert world.later(535) == world.corridor.now + LOOK_AGAIN
    assert world.group.served_ttl == 60
    world.later(6)
    assert world.group.served_ttl == 5
    world.later(58)
    assert world.group.active is Side.PRIMARY
    assert world.asked == []
    world.later(2)
    assert (world.group.active, world.group.served_ttl) == (Side.BACKUP, 60)
    outcomes = [command["outcome"] for command in world.commands]
    assert outcomes == ["ttl-lowered", "switched"]
    (asked,) = world.asked
    assert asked["reason"] == "works"
    (planned,) = asked["groups"]  # type: ignore[misc]
    assert planned["to"] == "backup"  # type: ignore[call-overload, index]


def test_a_hook_that_does_not_agree_at_the_time_of_a_planned_switch_refuses_it() -> None:
    """The plan is dropped, the TTL is restored, and no hook is asked again."""
    world = World()
    world.do(Switch(("shop",), at=world.corridor.now + 600, pre_ttl=5))
    world.later(541)
    assert world.group.served_ttl == 5
    world.objections = (RuleFailure("before-switch", "the database says no", "shop"),)
    world.later(60)
    assert (world.group.active, world.group.served_ttl) == (Side.PRIMARY, 60)
    assert world.group.automation.plan is None
    lowered, refused = world.commands
    assert (lowered["outcome"], refused["outcome"]) == ("ttl-lowered", "refused")
    assert refused["rules"] == [{"rule": "before-switch", "message": "the database says no"}]
    world.objections = ()
    world.later(3600)
    assert len(world.asked) == 1
    assert world.group.active is Side.PRIMARY


def test_groups_that_are_planned_together_are_switched_independently() -> None:
    """A refusal for one of them does not affect the others."""
    world = World()
    world.do(AddApplication("empty"))
    for name, backup in (("blog", "empty"), ("mail", "us")):
        world.do(AddGroup(name, None, name, "eu", backup))
    together = ("shop", "blog", "mail")
    world.do(Switch(together, at=world.corridor.now + 600, pre_ttl=60))
    world.later(599)
    assert {world.group_called(name).active for name in together} == {Side.PRIMARY}
    world.later(2)
    assert [world.group_called(name).active for name in together] == [
        Side.BACKUP,
        Side.PRIMARY,
        Side.BACKUP,
    ]
    outcomes = {command["group"]: command["outcome"] for command in world.commands}
    assert outcomes == {"shop": "switched", "blog": "refused", "mail": "switched"}
    assert {world.group_called(name).automation.plan for name in together} == {None}


@pytest.mark.parametrize("where", ["programs", "queue"])
def test_a_group_that_is_removed_while_it_switches_is_left_alone(where: str) -> None:
    """While hooks are asked, and while the command waits; it is not checked again."""
    world = World()
    gate: Gate = getattr(world, where)
    gate.closed = True
    world.force("eu", Health.DOWN)
    world.later(31)
    assert (len(world.asked), len(world.work.held)) == (1, 1)
    world.do(SetGroup("shop", "", "", override=("active-side",)))
    world.do(RemoveGroup("shop"))
    gate.closed = False
    world.work.open()
    assert world.work.held == []
    assert world.later(3600) is None
    assert world.said == []
    assert world.acting.report() == {"frozen": None, "groups": 0, "switches": 0, "refused": {}}


def test_a_missed_planned_switch_is_reported_and_not_made_up_for() -> None:
    world = World()
    world.do(Switch(("shop",), at=world.corridor.now + 600))
    world.later(3600)
    assert world.group.active is Side.PRIMARY
    assert world.group.automation.plan is None
    assert [command["outcome"] for command in world.commands] == ["missed"]
    world.later(3600)
    assert len(world.commands) == 1


def test_groups_that_are_not_automatic_cost_nothing() -> None:
    world = World()
    world.do(SetGroup("shop", policy=""))
    assert world.acting.act() is None
    assert world.acting.report()["groups"] == 0


def test_after_a_start_every_group_is_checked() -> None:
    world = World()
    world.force("eu", Health.DOWN)
    started = Acting(world.effects)
    started.look_at_all()
    assert started.act() == 1030.0


def test_when_very_many_groups_are_due_other_work_gets_its_turn() -> None:
    """All of them are switched, a limited number at a time."""
    world = World()
    for number in range(2 * AT_ONCE):
        name = f"g{number}"
        world.do(AddGroup(name, None, name, "eu", "us", policy="auto"))
    world.force("eu", Health.DOWN)
    turns = [world.acting.report()["switches"]]
    for _ in range(10):
        world.later(31.0 if len(turns) == 1 else 0.01)
        turns.append(world.acting.report()["switches"])
    assert turns[-1] == 2 * AT_ONCE + 1
    assert all(after - before <= AT_ONCE for before, after in pairwise(turns))  # type: ignore[operator]
