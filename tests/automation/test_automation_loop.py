"""The timers of automation, with a clock in memory: what is due is done, but not after a stall."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
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
from failoverdns.changes.batch import Outcome, Submission
from failoverdns.config import load_config
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import SetApplication, SetHead
from failoverdns.model.commands.groups import AddGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, ReportHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.principal import unix_principal
from failoverdns.model.settings import Config
from failoverdns.net.descriptors import OTHER, OURS

ZONES = """\
zones: {failover.test: {nameservers: {ns1: [192.0.2.53]}}}
listen: ["127.0.0.1:0"]
policies: {auto: {mode: automatic, grace: 30, cooldown: 0}}
"""
BEAT = ZONES + "checks: {beat: {type: push, ttl: 60, up_after: 1, down_after: 1}}\n"
STEP = 0.25
"""Seconds by which the clocks advance at a time."""

MOST_CALLS = 20_000
"""Timer calls in a test, at most; no test has a tenth of them."""


class Reactor(MemoryReactorClock):
    """A reactor in memory; calls from threads wait until `turn`."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = 50.0
        self._called = 0
        self._from_threads: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callLater(self, when: float, what: Any, *args: Any, **more: Any) -> Any:  # noqa: N802
        """Schedule a call; raises AssertionError for a function that schedules itself for ever."""
        self._called += 1
        assert self._called < MOST_CALLS, "time does not go on"
        return super().callLater(when, what, *args, **more)

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:  # noqa: N802
        """Schedule a call in the next turn."""
        self._from_threads.put(lambda: call(*args))

    def turn(self) -> None:
        """Wait for a thread's call, and make it."""
        self._from_threads.get(timeout=DEADLINE)()


class World:
    """The group `shop`, its ledger, and automation with clocks that only a test advances.

    The clock of the reactor and the monotonic clock begin at different times.
    """

    def __init__(self, folder: Path, clock: Any = None, corridor: Corridor | None = None) -> None:
        self.folder = folder
        self.clock = clock if clock is not None else Reactor()
        self.corridor = corridor if corridor is not None else Corridor()
        self.words: list[str] = []
        """The words for the commands of automation in history, in order."""
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

        principal = unix_principal(0, 0, "us")
        self.corridor.ledger.submit(Submission(command, principal, {"command": word}, reply))

    def load(self, text: str) -> Config:
        """Return a configuration that the ledger has, and automation has not."""
        file = self.folder / "failoverdns.yaml"
        file.write_text(text)
        config = load_config(file)
        self.corridor.do(Configure(config.zones, config.automation))
        return config

    def start(self, text: str) -> None:
        """Make the group, which may switch automatically, and begin."""
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
        """Report the health of the heads of an application."""
        run(self.automation.take_report(ReportHealth(application, None, health, ttl=ttl)))

    def force(self, application: str, health: Health) -> None:
        """Force the health of an application, as an operator."""
        self.corridor.do(ForceHealth(application, None, health))
        self.clock.advance(0)

    def health(self, application: str) -> Health:
        """Return the health of the only head of an application in the state."""
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
        """In how many seconds the next call is due."""
        now = self.clock.seconds()
        return sorted(call.getTime() - now for call in self.clock.getDelayedCalls())


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """The events that are logged; a logged defect fails the test."""
    with capturedLogs() as events:
        yield events  # type: ignore[misc]
    assert [event["log_failure"] for event in events if "log_failure" in event] == []


@pytest.fixture(autouse=True)
def _open_files() -> Iterator[None]:
    """Restore the limit of open files."""
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
    """Return the texts that were logged at a level."""
    return [
        event["log_format"].format(**event)
        for event in logs
        if event["log_level"] == level and "failoverdns" in event["log_namespace"]
    ]


def test_the_steady_clock_starts_at_the_time_of_day_and_is_not_set_with_it() -> None:
    wall, monotonic = [1_700_000_000.0], [500.0]
    clock = steady_clock(lambda: wall[0], lambda: monotonic[0])
    assert clock() == 1_700_000_000.0
    wall[0] -= 3600.0
    assert clock() == 1_700_000_000.0
    monotonic[0] += 7.0
    assert clock() == 1_700_000_007.0


def test_an_expired_report_takes_a_head_down_and_the_group_switches_after_its_grace(
    world: World, logs: list[Any]
) -> None:
    """A report counts for 60 s, the grace is 30 s; the backup continues to report."""
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


def test_the_timer_is_set_to_the_time_at_which_a_group_is_due(world: World) -> None:
    """Without checks there are no other timers; health that an operator forces counts."""
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    assert world.waits_for == [30.0]
    world.stall(29.0)
    assert world.waits_for == [1.0]
    world.stall(1.0)
    assert world.active is Side.BACKUP


def test_when_no_group_waits_there_is_no_timer(world: World) -> None:
    """Until a change gives a reason to check one."""
    world.start(ZONES)
    world.corridor.do(SetGroup("shop", policy=""))
    world.clock.advance(0)
    assert world.waits_for == []
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.corridor.do(SetGroup("shop", policy="auto"))
    world.clock.advance(0)
    assert world.waits_for == [30.0]


def test_an_earlier_plan_is_not_delayed_by_a_later_time(world: World) -> None:
    """Nor does a later plan delay a group: the earliest time counts."""
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


def test_groups_are_checked_on_time_whether_or_not_the_clock_was_set(world: World) -> None:
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    for jump in (3600.0, -3600.0):
        world.corridor.ahead = jump
        world.later(10)
        assert world.active is Side.PRIMARY
    world.later(10)
    assert world.active is Side.BACKUP


def test_after_a_standstill_of_more_than_five_seconds_all_health_is_unknown(
    world: World, logs: list[Any]
) -> None:
    """Earlier results are outdated by then; a shorter standstill is no reason to forget them."""
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
    assert warning == "health: stood still for 5 s; unknown until the next probes"
    eu = world.corridor.ledger.state.application_named("eu")
    assert eu is not None
    (seen,) = world.automation.last_seen(eu)
    assert isinstance(seen, dict)
    assert (seen["health"], seen["result"]) == ("unknown", None)
    world.later(60)
    assert world.words == ["health", "health", "stood still"]


@pytest.mark.parametrize("before", [0.125, 1.0])
def test_a_switch_that_came_due_during_a_standstill_is_not_made(
    world: World, before: float
) -> None:
    """The primary was down, but it may be up now; later reports count.

    Whichever comes first afterwards: the switch that is due, or the check for a standstill, which
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


def test_a_report_that_expired_during_a_standstill_counts_as_silence_later(
    world: World,
) -> None:
    """Its head had no chance to report again."""
    world.start(BEAT)
    world.report("eu", Health.UP)
    world.later(58)
    world.stall(6.0)
    world.later(0.25)
    assert world.health("eu") is Health.UNKNOWN
    world.later(0.5)
    assert world.health("eu") is Health.DOWN


def test_without_checks_a_switch_that_came_due_during_a_standstill_is_made(world: World) -> None:
    """There are no outdated results: an operator forced the health of the applications."""
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.stall(60.0)
    assert world.active is Side.BACKUP
    assert world.words == ["automatic"]


def test_forced_health_still_counts_after_a_standstill(world: World) -> None:
    """It is no older than before: the group that is due is switched in the next turn."""
    world.start(BEAT)
    world.later(0.125)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.later(29.875)
    world.stall(60.0)
    assert world.words == ["stood still", "automatic"]
    assert world.active is Side.BACKUP


def test_a_failure_to_forget_outdated_health_is_logged(world: World, logs: list[Any]) -> None:
    world.start(BEAT)
    world.report("eu", Health.UP, ttl=3600.0)
    world.refusal = Rejected("unavailable", "the disk is full")
    world.stall(6.0)
    assert world.health("eu") is Health.UP
    assert texts(logs, LogLevel.error) == [
        "health: outdated results stay in effect: the disk is full",
    ]


def test_checks_that_a_reload_removes_and_adds_again_are_watched_again(world: World) -> None:
    """Nothing was watched in between, so that does not count as a standstill."""
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


def test_after_a_start_heads_are_probed_and_groups_are_checked(
    world: World, tmp_path: Path
) -> None:
    """Those that the state holds already, before anything changes."""
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


def test_policies_added_by_a_reload_apply_at_once(world: World) -> None:
    world.start(ZONES)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    world.automation.configure(world.load(ZONES.replace("grace: 30", "grace: 3")))
    world.clock.advance(0)
    assert world.waits_for == [3.0]


def test_a_refused_change_is_logged(world: World, logs: list[Any]) -> None:
    world.start(BEAT)
    world.refusal = Rejected("busy", "too many commands are waiting")
    world.report("eu", Health.UP)
    assert texts(logs, LogLevel.info) == [
        "health: health of lb is not updated: too many commands are waiting"
    ]


def test_after_the_end_there_are_no_timers_and_changes_are_ignored(world: World) -> None:
    world.start(BEAT)
    world.force("us", Health.UP)
    world.force("eu", Health.DOWN)
    assert world.waits_for != []
    world.automation.stop()
    assert world.waits_for == []
    world.corridor.do(ForceHealth("eu", None, Health.UP))
    assert world.waits_for == []


def test_it_can_be_stopped_before_it_started_and_when_nothing_is_due(tmp_path: Path) -> None:
    World(tmp_path).automation.stop()
    idle = World(tmp_path)
    idle.start(ZONES)
    idle.corridor.do(SetGroup("shop", policy=""))
    idle.clock.advance(0)
    assert idle.waits_for == []
    idle.automation.stop()


def test_running_probes_are_stopped_too(world: World) -> None:
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


def test_heads_are_probed_and_results_become_health(tmp_path: Path, logs: list[Any]) -> None:
    """Over real sockets: one head accepts connections, the other refuses them."""
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
    """Their addresses are probed; a head whose hostname has none is down."""
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


def test_the_limit_of_open_files_is_raised_for_probes_or_a_warning_gives_the_remedy(
    world: World, logs: list[Any]
) -> None:
    """For 2,048 connections of probes, and other files."""
    OURS.clear()
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = world.load(BEAT)
    world.automation.configure(config)
    wanted = OURS.wanted
    assert wanted == OTHER + 2048
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (max(soft, wanted), most)
    OURS.note()
    assert texts(logs, LogLevel.warn) == []
    OURS.want("other connections", most, used=lambda: 0, changed=lambda _: None)
    OURS.note()
    (warning,) = texts(logs, LogLevel.warn)
    assert f"{most} open files are allowed, and {wanted + most} are wanted" in warning
    assert "(raise the hard limit: LimitNOFILE= of systemd, `ulimit -Hn`)" in warning
    OURS.clear()


def test_without_checks_the_limit_of_open_files_is_unchanged(world: World) -> None:
    OURS.clear()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    world.automation.configure(world.load(ZONES))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
    assert OURS.wanted == OTHER


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
            "unknown": 0,
            "lacking": [],
            "unnamed": [],
            "running": 0,
            "waiting": 0,
            "late": 0.0,
            "fast": 0,
        },
    }


def probes(world: World) -> Any:
    """Return the counts of probes in `status`."""
    return world.automation.report()["probes"]
