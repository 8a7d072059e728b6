"""Periodic probing, with a clock in memory and heads that respond as a test wants."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from heads import Probed, closed_port, make_target, reactor, turn_until
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from failoverdns.model.health import Cause, Check, CheckKind, ProbeResult, ProbeTarget
from failoverdns.probing.probe_loop import PERIOD, TICK, ProbeReport, Probing, timing_of
from failoverdns.probing.prober import Done

GOOD = ProbeResult(None, "", 0.0)
BAD = ProbeResult(Cause.REFUSED, "connecting: Connection refused", 0.0)


class HeldProber:
    """Holds every probe until a test lets it end."""

    def __init__(self) -> None:
        self.held: list[tuple[ProbeTarget, Done]] = []
        self.waiting = 0

    def probe(self, target: ProbeTarget, done: Done) -> None:
        """Hold a probe."""
        self.held.append((target, done))

    def end(self, result: ProbeResult = GOOD) -> int:
        """End all held probes with this result; return how many there were."""
        held, self.held = self.held, []
        for _, done in held:
            done(result)
        return len(held)

    def stop(self) -> None:
        """Release all held probes."""
        self.held.clear()


class Watch:
    """Periodic probing, and the results that it reported."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.prober = HeldProber()
        self.told: list[tuple[str, ProbeResult]] = []
        self.is_settled = True
        self.probing: Probing[str] = Probing(self.prober, self.learn, self.clock, Random(0))

    def learn(self, key: str, result: ProbeResult) -> bool:
        """Keep a result, and say whether its target is settled."""
        self.told.append((key, result))
        return self.is_settled

    def play(self, seconds: float, result: ProbeResult | None = GOOD) -> None:
        """Let time pass; probes end at once, with this result, or not at all."""
        for _ in range(round(seconds / TICK)):
            self.clock.advance(TICK)
            if result is not None:
                self.prober.end(result)

    def counts(self) -> Counter[str]:
        """Return how many results of each key were reported."""
        return Counter(key for key, _ in self.told)


def target(port: int = 80, interval: float = 1.0) -> ProbeTarget:
    """A target, by default one that is probed each second."""
    return make_target(CheckKind.TCP, port, interval=interval, jitter=0.0)


def test_each_target_is_probed_at_its_interval_and_its_results_are_reported() -> None:
    watch = Watch()
    watch.probing.set_targets({"a": target(), "b": target(interval=2.0)})
    watch.play(10.2)
    counts = watch.counts()
    assert counts["a"] in (10, 11)
    assert counts["b"] in (5, 6)
    assert set(watch.told) == {("a", GOOD), ("b", GOOD)}


def test_the_result_of_a_removed_target_is_not_reported() -> None:
    """Nor that of a former target of the same key; an equal target counts as the same."""
    watch = Watch()
    watch.probing.set_targets({"gone": target(), "other": target(), "same": target()})
    watch.play(1.1, None)
    assert len(watch.prober.held) == 3
    watch.probing.set_targets({"other": target(81), "same": target()})
    watch.prober.end()
    assert watch.told == [("same", GOOD)]
    watch.told.clear()
    watch.play(1.1)
    assert set(watch.counts()) == {"other", "same"}


def test_a_key_never_has_two_probes_at_once() -> None:
    watch = Watch()
    watch.probing.set_targets({"a": target()})
    watch.play(10, None)
    assert len(watch.prober.held) == 1


def test_probes_are_counted() -> None:
    watch = Watch()
    watch.probing.set_targets({"a": target(), "b": target()})
    watch.play(1.05, GOOD)
    watch.probing.set_targets({"a": target()})
    watch.play(2, BAD)
    watch.play(1.05, None)
    watch.prober.waiting = 1
    report = watch.probing.report()
    assert (report.targets, report.good, report.bad) == (1, 2, {Cause.REFUSED: 2})
    assert (report.started, report.waiting, report.running) == (5, 1, 0)


def test_the_longest_delay_is_remembered_for_a_minute_or_two() -> None:
    """Both of a probe that began late, and of one that has not begun."""
    watch = Watch()
    watch.probing.set_targets({"a": target()})
    watch.play(5)
    assert watch.probing.report().late < 2 * TICK
    watch.clock.advance(4)
    watch.play(5)
    assert 3 < watch.probing.report().late < 5
    watch.play(2 * PERIOD + 1)
    assert watch.probing.report().late < 2 * TICK


def test_waiting_for_a_place_makes_a_probe_late() -> None:
    """The time that the probe runs does not."""
    watch = Watch()
    watch.probing.set_targets({"a": target(interval=100.0)})
    watch.play(100.1, None)
    watch.clock.advance(5)
    assert watch.prober.end(ProbeResult(None, "", 1.0)) == 1
    assert watch.probing.report().late >= 4


def test_without_targets_there_is_no_timer() -> None:
    """Before there are any, after they were removed, and after the end."""
    watch = Watch()
    watch.probing.set_targets({})
    assert watch.clock.getDelayedCalls() == []
    watch.probing.set_targets({"a": target()})
    assert len(watch.clock.getDelayedCalls()) == 1
    watch.probing.set_targets({})
    assert watch.clock.getDelayedCalls() == []
    watch.probing.set_targets({"a": target()})
    watch.play(1.1, None)
    watch.probing.stop()
    watch.probing.stop()
    watch.probing.set_targets({"a": target()})
    assert watch.clock.getDelayedCalls() == []
    assert watch.prober.end() == 1
    assert watch.told == []


def test_an_exception_in_learn_does_not_end_probing() -> None:
    """The key is probed again; the prober logs the exception."""
    found: list[ProbeResult] = []

    def learn(key: str, result: ProbeResult) -> bool:
        found.append(result)
        raise ZeroDivisionError

    probed = Probed()
    probing: Probing[str] = Probing(probed.prober, learn, reactor(), Random(0))
    probing.set_targets({"a": target(closed_port(), interval=0.1)})
    with capturedLogs() as logs:
        turn_until(lambda: len(found) >= 3)
    probing.stop()
    probed.prober.stop()
    assert len(logs) == len(found)
    assert {result.cause for result in found} == {Cause.REFUSED}


def test_a_new_probe_loop_reports_no_probes() -> None:
    """Every count is zero."""
    assert Watch().probing.report() == ProbeReport(0, 0, 0, {}, 0, 0, 0, 0.0)


def test_a_target_that_is_not_settled_is_probed_fast() -> None:
    """Until `learn` says that it is settled; the report counts it meanwhile."""
    watch = Watch()
    watch.probing.set_targets({"a": target(interval=10.0)})
    watch.play(25)
    watch.told.clear()
    watch.is_settled = False
    watch.play(15)
    assert watch.probing.is_fast("a")
    assert watch.probing.report().fast == 1
    assert len(watch.told) > 5
    watch.is_settled = True
    watch.play(1.2)
    assert not watch.probing.is_fast("a")
    watch.told.clear()
    watch.play(30)
    assert len(watch.told) == 3


def test_fast_probes_by_programs_take_more_of_the_budget() -> None:
    """A program costs more than a connection."""
    tcp = timing_of(Check("web", CheckKind.TCP))
    program = timing_of(Check("run", CheckKind.EXEC))
    assert (tcp.interval, tcp.fast_interval, tcp.jitter) == (10.0, 1.0, 0.1)
    assert program.extra_rate() == pytest.approx(10 * tcp.extra_rate())
