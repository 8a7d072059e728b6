"""Timers of automation, with a clock in memory: what is due is done, but not after a stall."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from threading import enumerate as enumerate_threads
from typing import Any

import pytest
from corridors import Corridor, build_shop
from driving import run
from heads import DEADLINE, head, reactor, stalled, turn_until
from nameserver import NameServer
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs

from failoverdns.automation.automation_loop import Automation, steady_clock
from failoverdns.changes.ledger import Outcome, Submission
from failoverdns.config import load_config
from failoverdns.model import commands as system_commands
from failoverdns.model.change import Who
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import SetApplication, SetHead
from failoverdns.model.commands.groups import AddGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, ReportHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.settings import Config

ZONES = """\
zones: {failover.test: {nameservers: {ns1: [192.0.2.53]}}}
listen: ["127.0.0.1:0"]
policies: {auto: {mode: automatic, grace: 30, cooldown: 0}}
"""
BEAT = ZONES + "checks: {beat: {type: push, ttl: 60, up_after: 1, down_after: 1}}\n"
STEP = 0.25
"""Seconds by which clocks go on at a time."""

MOST_CALLS = 20_000
"""Calls in a test; none has a tenth of them."""


class Reactor(MemoryReactorClock):
    """A reactor in memory; what threads want to be called waits until `turn`."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = 50.0
        self._called = 0
        self._from_threads: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callLater(self, when: float, what: Any, *args: Any, **more: Any) -> Any:  # noqa: N802
        """Have something called later; raises AssertionError for what calls itself for ever."""
        self._called += 1
        assert self._called < MOST_CALLS, "time does not go on"
        return super().callLater(when, what, *args, **more)

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:  # noqa: N802
        """Have something called in the next turn."""
        self._from_threads.put(lambda: call(*args))

    def turn(self) -> None:
        """Wait for a thread, and call what it wants to be called."""
        self._from_threads.get(timeout=DEADLINE)()


class World:
    """The group `shop`, its ledger, and automation with clocks that only a test moves on.

    The clock of the reactor and the one that nobody sets begin at different times.
    """

    def __init__(self, folder: Path, clock: Any = None, corridor: Corridor | None = None) -> None:
        self.folder = folder
        self.clock = clock if clock is not None else Reactor()
        self.corridor = corridor if corridor is not None else Corridor()
        self.words: list[str] = []
        """What history calls the commands of automation, in order."""
        self.refusal: Rejected | None = None
        self.automation = Automation(
            lambda: self.corridor.ledger.state,
            self._submit,
            lambda: None,
            self.clock,
            now=lambda: self.corridor.now + self.corridor.ahead,
            steady=lambda: self.corridor.now,
        )
        self.corridor.listeners.append(self.automation.announce)

    async def _submit(self, command: Mutation, word: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.words.append(word)

        def reply(outcome: Outcome) -> None:
            assert not isinstance(outcome, Rejected), outcome

        who = Who(0, 0, "us")
        self.corridor.ledger.submit(Submission(command, who, {"command": word}, reply))

    def load(self, text: str) -> Config:
        """Return a configuration that the ledger has, and automation has not."""
        file = self.folder / "failoverdns.yaml"
        file.write_text(text)
        config = load_config(file)
        self.corridor.do(system_commands.Configure(config.zones, config.automation))
        return config

    def start(self, text: str) -> None:
        """Make the group, which may switch by itself, and begin."""
        config = self.load(text)
        build_shop(self.corridor)
        self.corridor.do(SetGroup("shop", policy="auto"))
        for name in ("eu", "us"):
            checks = tuple(check.name for check in config.automation.checks)
            self.corridor.do(SetApplication(name, checks))
        self.automation.configure(config)

    def later(self, seconds: float) -> None:
        """Let time pass, in steps."""
        whole, rest = divmod(seconds, STEP)
        for _ in range(int(whole)):
            self.stall(STEP)
        self.stall(rest)

    def stall(self, seconds: float) -> None:
        """Let time pass while this process has no turn."""
        self.corridor.now += seconds
        self.clock.advance(seconds)

    def report(self, application: str, health: Health, ttl: float | None = None) -> None:
        """Report how the heads of an application are."""
        run(self.automation.take_report(ReportHealth(application, None, health, ttl=ttl)))

    def force(self, application: str, health: Health) -> None:
        """Have an operator say how an application is."""
        self.corridor.do(ForceHealth(application, None, health))
        self.clock.advance(0)

    def health(self, application: str) -> Health:
        """Return what is known of the only head of an application."""
        found = self.corridor.ledger.state.application_named(application)
        assert found is not None
        observed = found.heads[0].observed
        return observed.health if observed is not None else Health.UNKNOWN

    @property
    def active(self) -> Side:
        """The active side of `shop`."""
        group = self.corridor.ledger.state.group_named("shop")
        assert group is not None
        return group.active

    @property
    def waits_for(self) -> list[float]:
        """In how many seconds something is called."""
        now = self.clock.seconds()
        return sorted(call.getTime() - now for call in self.clock.getDelayedCalls())


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """What is logged; a defect in it is an error of the test."""
    with capturedLogs() as events:
        yield events  # type: ignore[misc]
    assert [event["log_failure"] for event in events if "log_failure" in event] == []


@pytest.fixture(autouse=True)
def _open_files() -> Iterator[None]:
    """Leave the limit of open files as it was."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
def world(tmp_path: Path, logs: list[Any]) -> Iterator[World]:
    """A world for the time of a test."""
    made = World(tmp_path)
    yield made
    made.automation.stop()


def texts(logs: list[Any], level: LogLevel) -> list[str]:
    """Return what was logged at a level."""
    return [
        event["log_format"].format(**event)
        for event in logs
        if event["log_level"] == level and "failoverdns" in event["log_namespace"]
    ]


def test_the_steady_clock_begins_at_the_time_of_day_and_is_not_set_with_it() -> None:
    wall, monotonic = [1_700_000_000.0], [500.0]
    clock = steady_clock(lambda: wall[0], lambda: monotonic[0])
    assert clock() == 1_700_000_000.0
    wall[0] -= 3600.0
    assert clock() == 1_700_000_000.0
    monotonic[0] += 7.0
    assert clock() == 1_700_000_007.0


def test_silence_is_noticed_and_the_group_leaves_when_its_grace_is_over(
    world: World, logs: list[Any]
) -> None:
    """A report counts for 60 s, the grace is 30 s; the backup goes on reporting."""
    world.start(BEAT)
    world.report("eu", Health.UP)
    world.report("us", Health.UP, ttl=3600.0)
    assert (world.health("eu"), world.health("us")) == (Health.UP, Health.UP)
    world.later(59.75)
    assert world.health("eu") is Health.UP
    world.later(1)
    assert world.health("eu") is Health.DOWN
    world.later(29)
    assert world.active is Side.PRIMARY
    world.later(1)
    assert world.active is Side.BACKUP
    assert world.words == ["health", "health", "health", "automatic"]
    assert texts(logs, LogLevel.info) == ["automation: shop: switched to the backup by itself"]
    assert texts(logs, LogLevel.warn) == []


def test_it_is_woken_when_a_group_is_due_and_not_before(world: World) -> None:
    """Without checks there are no other timers; what an operator says of health counts."""
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    assert world.waits_for == [30.0]
    world.stall(29.0)
    assert world.waits_for == [1.0]
    world.stall(1.0)
    assert world.active is Side.BACKUP


def test_when_nothing_is_waited_for_nothing_is_called(world: World) -> None:
    """Until a change gives a reason to look."""
    world.start(ZONES)
    world.corridor.do(SetGroup("shop", policy=""))
    world.clock.advance(0)
    assert world.waits_for == []
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.corridor.do(SetGroup("shop", policy="auto"))
    world.clock.advance(0)
    assert world.waits_for == [30.0]


def test_a_plan_that_is_due_sooner_is_not_kept_waiting(world: World) -> None:
    """Nor does one that is due later keep a group waiting: the nearest time counts."""
    world.start(ZONES)
    world.corridor.do(AddGroup("blog", None, "blog", "eu", "us"))
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.later(10)
    assert world.waits_for == [20.0]
    at = world.corridor.now + 3.0
    world.corridor.do(Switch(("blog",), at=at, pre_ttl=60))
    world.corridor.do(Switch(("shop",), at=at + 3600.0, pre_ttl=60))
    world.clock.advance(0)
    assert world.waits_for == [3.0]
    world.later(3)
    assert world.words == ["planned switch"]
    world.later(17)
    assert world.words == ["planned switch", "automatic"]


def test_groups_are_looked_at_by_a_clock_that_was_set_as_by_one_that_was_not(world: World) -> None:
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    for jump in (3600.0, -3600.0):
        world.corridor.ahead = jump
        world.later(10)
        assert world.active is Side.PRIMARY
    world.later(10)
    assert world.active is Side.BACKUP


def test_a_server_that_stood_still_for_more_than_five_seconds_knows_nothing(
    world: World, logs: list[Any]
) -> None:
    """What was seen before is old by then; less time is no reason to forget it."""
    world.start(BEAT)
    for name in ("eu", "us"):
        world.report(name, Health.UP, ttl=3600.0)
    world.stall(4.75)
    world.later(10.25)
    assert (world.health("eu"), world.health("us")) == (Health.UP, Health.UP)
    world.stall(5.25)
    assert (world.health("eu"), world.health("us")) == (Health.UNKNOWN, Health.UNKNOWN)
    assert world.words == ["health", "health", "stood still"]
    (warning,) = texts(logs, LogLevel.warn)
    assert warning == "health: stood still for 5 s, so nothing is known until probed"
    eu = world.corridor.ledger.state.application_named("eu")
    assert eu is not None
    (seen,) = world.automation.last_seen(eu)
    assert isinstance(seen, dict)
    assert (seen["health"], seen["result"]) == ("unknown", None)
    world.later(60)
    assert world.words == ["health", "health", "stood still"]


@pytest.mark.parametrize("before", [0.125, 1.0])
def test_a_switch_that_came_due_while_the_server_stood_still_is_not_done(
    world: World, before: float
) -> None:
    """The primary was down, but it may be up now; what is reported afterwards counts.

    Whichever comes first when it goes on: the switch that is due, or the look at the clock, which
    is half a second after the one before.
    """
    world.start(BEAT)
    world.later(0.125)
    for _ in range(2):
        world.report("us", Health.UP, ttl=3600.0)
        world.report("eu", Health.DOWN, ttl=3600.0)
        world.later(30 - before)
        world.stall(60.0)
        assert world.active is Side.PRIMARY
        assert (world.health("eu"), world.health("us")) == (Health.UNKNOWN, Health.UNKNOWN)
        world.later(60 + before)
        assert world.active is Side.PRIMARY
    world.report("us", Health.UP, ttl=3600.0)
    world.report("eu", Health.DOWN, ttl=3600.0)
    world.later(29.5)
    assert world.active is Side.PRIMARY
    world.later(1)
    assert world.active is Side.BACKUP


def test_a_report_whose_time_passed_while_the_server_stood_still_counts_as_silence_later(
    world: World,
) -> None:
    """Its head had no chance to report anything else."""
    world.start(BEAT)
    world.report("eu", Health.UP)
    world.later(58)
    world.stall(6.0)
    world.later(0.25)
    assert world.health("eu") is Health.UNKNOWN
    world.later(0.5)
    assert world.health("eu") is Health.DOWN


def test_without_checks_a_server_that_stood_still_does_what_is_due(world: World) -> None:
    """There is nothing that was seen before: an operator said how the applications are."""
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.stall(60.0)
    assert world.active is Side.BACKUP
    assert world.words == ["automatic"]


def test_what_an_operator_said_of_health_counts_after_the_server_stood_still(world: World) -> None:
    """That is not older than before: the group that is due is switched in the next turn."""
    world.start(BEAT)
    world.later(0.125)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.later(29.875)
    world.stall(60.0)
    assert world.words == ["stood still", "automatic"]
    assert world.active is Side.BACKUP


def test_if_old_health_cannot_be_forgotten_the_log_has_it(world: World, logs: list[Any]) -> None:
    world.start(BEAT)
    world.report("eu", Health.UP, ttl=3600.0)
    world.refusal = Rejected("unavailable", "the disk is full")
    world.stall(6.0)
    assert world.health("eu") is Health.UP
    assert texts(logs, LogLevel.error) == [
        "health: what is old is believed: the disk is full",
    ]


def test_checks_that_a_reload_removes_and_brings_back_are_watched_again(world: World) -> None:
    """In the meantime nothing was watched, so nobody stood still."""
    world.start(BEAT)
    world.report("eu", Health.UP)
    for name in ("eu", "us"):
        world.corridor.do(SetApplication(name, ()))
    for _ in range(2):
        world.automation.configure(world.load(ZONES))
    world.corridor.do(SetGroup("shop", policy=""))
    world.later(STEP)
    assert world.waits_for == []
    world.stall(600.0)
    for _ in range(2):
        world.automation.configure(world.load(BEAT))
    world.corridor.do(SetApplication("eu", ("beat",)))
    world.later(1)
    world.report("eu", Health.UP)
    world.later(59.5)
    assert world.health("eu") is Health.UP
    world.later(1)
    assert world.health("eu") is Health.DOWN
    assert world.words == ["health", "health", "health"]


def test_after_a_start_heads_are_probed_and_groups_are_looked_at(
    world: World, tmp_path: Path
) -> None:
    """Of what the state holds already, before anything changes."""
    text = ZONES + "checks: {web: {type: tcp, port: 80, interval: 3600}}\n"
    world.start(text)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    started = World(tmp_path, corridor=world.corridor)
    started.automation.configure(load_config(started.folder / "failoverdns.yaml"))
    started.clock.advance(0)
    assert probes(started)["targets"] == 2
    assert 30.0 in started.waits_for
    started.automation.stop()


def test_policies_that_a_reload_brings_count_at_once(world: World) -> None:
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.automation.configure(world.load(ZONES.replace("grace: 30", "grace: 3")))
    world.clock.advance(0)
    assert world.waits_for == [3.0]


def test_a_change_that_was_refused_is_in_the_log(world: World, logs: list[Any]) -> None:
    world.start(BEAT)
    world.refusal = Rejected("busy", "too many commands are waiting")
    world.report("eu", Health.UP)
    assert texts(logs, LogLevel.info) == [
        "health: health of lb is not updated: too many commands are waiting"
    ]


def test_after_the_end_nothing_is_called_and_changes_are_nothing(world: World) -> None:
    world.start(BEAT)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    assert world.waits_for != []
    world.automation.stop()
    assert world.waits_for == []
    world.corridor.do(ForceHealth("eu", None, Health.UP))
    assert world.waits_for == []


def test_it_can_be_ended_before_it_began_and_when_nothing_is_due(tmp_path: Path) -> None:
    World(tmp_path).automation.stop()
    idle = World(tmp_path)
    idle.start(ZONES)
    idle.corridor.do(SetGroup("shop", policy=""))
    idle.clock.advance(0)
    assert idle.waits_for == []
    idle.automation.stop()


def test_probes_that_run_end_with_it(world: World) -> None:
    with head(stalled) as found:
        text = f"checks: {{web: {{type: tcp, port: {found.port}, interval: 0.25, timeout: 0.2}}}}\n"
        world.start(ZONES + text)
        for name in ("eu", "us"):
            world.corridor.do(SetHead(name, "lb", (ip_address(found.host),)))
        while not probes(world)["running"]:
            world.later(STEP)
        world.automation.stop()
        assert world.waits_for == []
        assert world.clock.getReaders() == []


def test_heads_are_probed_and_what_is_seen_becomes_health(tmp_path: Path, logs: list[Any]) -> None:
    """Over real sockets: one head takes connections, the other one refuses them."""
    world = World(tmp_path, reactor())
    with head(stalled) as up:
        check = "{type: tcp, port: %d, interval: 0.25, timeout: 0.2, up_after: 2, down_after: 2}"
        world.start(ZONES + f"checks: {{web: {check % up.port}}}\n")
        for name, host in (("eu", "127.0.0.2"), ("us", up.host)):
            world.corridor.do(SetHead(name, "lb", (ip_address(host),)))
        turn_until(lambda: Health.UNKNOWN not in (world.health("eu"), world.health("us")))
        assert (world.health("eu"), world.health("us")) == (Health.DOWN, Health.UP)
        found = probes(world)
        assert found["targets"] == 2
        assert found["good"] >= 2
        assert found["bad"]["refused"] >= 2
        assert found["good"] + found["bad"]["refused"] + found["running"] == found["started"]
        world.automation.stop()


def test_hostnames_of_heads_are_resolved_at_once_and_again_every_15_seconds(
    world: World,
) -> None:
    """What they resolve to is probed; one that has no address is down."""
    resolver = NameServer()
    resolver.has("lb.example.", "A", "192.0.2.77")
    text = "checks: {web: {type: tcp, port: 80, interval: 3600, timeout: 3, down_after: 1}}\n"
    world.start(ZONES + f'resolvers: ["127.0.0.1:{resolver.port}"]\n' + text)
    assert 15.0 in world.waits_for
    assert probes(world)["targets"] == 2
    world.corridor.do(SetHead("eu", "lb", (), "lb.example"))
    world.corridor.do(SetHead("us", "lb", (), "no.example"))
    assert probes(world)["targets"] == 0
    for _ in ("lb.example", "no.example"):
        world.clock.turn()
    assert probes(world)["targets"] == 1
    world.later(STEP)
    assert (world.health("eu"), world.health("us")) == (Health.UNKNOWN, Health.DOWN)
    resolver.has("lb.example.", "A", "192.0.2.77", "192.0.2.78")
    world.later(14.75)
    for _ in ("lb.example", "no.example"):
        world.clock.turn()
    assert probes(world)["targets"] == 2
    world.automation.stop()
    assert [thread for thread in enumerate_threads() if "probed hostnames" in thread.name] == []
    resolver.close()


def test_room_is_made_for_probes_and_where_there_is_none_a_warning_says_what_to_do(
    world: World, logs: list[Any]
) -> None:
    """For 2,048 probes, connections over TCP, and 512 files beside."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = world.load(BEAT)
    just = replace(config.tcp, max_connections=most - 2048 - 512)
    world.automation.configure(replace(config, tcp=just))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    assert texts(logs, LogLevel.warn) == []
    more = replace(config.tcp, max_connections=most - 2048 - 511)
    world.automation.configure(replace(config, tcp=more))
    assert texts(logs, LogLevel.warn) == [
        f"health: {most} open files are allowed, and {most + 1} would give every probe a place: "
        "some may be late (LimitNOFILE= of systemd, `ulimit -Hn`)"
    ]


def test_without_checks_no_room_is_made(world: World) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = world.load(ZONES)
    _, most = before
    world.automation.configure(replace(config, tcp=replace(config.tcp, max_connections=most)))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_the_report_counts_switches_and_probes(world: World) -> None:
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.later(31)
    assert world.automation.report() == {
        "frozen": None,
        "groups": 1,
        "switches": 1,
        "refused": {},
        "probes": {
            "targets": 0,
            "started": 0,
            "good": 0,
            "bad": {},
            "running": 0,
            "waiting": 0,
            "late": 0.0,
        },
    }


def probes(world: World) -> Any:
    """Return what `status` has of probes."""
    return world.automation.report()["probes"]
