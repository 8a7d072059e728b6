"""Periodic probing: start the probes that are due at each tick, and report each result.

Decides nothing: each result is passed to `learn`, which says whether the target has to be probed
fast until its state is settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Generic, TypeVar

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.model.health import Cause, Check, ProbeResult, ProbeTarget
from failoverdns.probing.kinds import PROBE_KINDS, Lane
from failoverdns.probing.prober import Probes
from failoverdns.probing.schedule import ProbeTiming, Schedule
from failoverdns.tallies import Tally

Key = TypeVar("Key", bound=Hashable)

TICK: Final = 0.05
"""Seconds between two ticks."""

PERIOD: Final = 60.0
"""Seconds for which a delay is remembered, at least; at most twice as many."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The state of probing: probes since the process started, and how many there are now.

    `unknown` probes found nothing out, because this machine lacks what they need.
    `waiting` probes are due and have not begun, because no place is free.
    `late` is the longest delay behind the schedule in the last minute or two, in seconds.
    `fast` targets are probed at their `fast_interval` now.
    """

    targets: int
    started: int
    good: int
    bad: Mapping[Cause, int]
    unknown: int
    waiting: int
    running: int
    late: float
    fast: int = 0


PROGRAM_COST: Final = 10.0
"""What a fast probe by a program takes of the budget; one over a connection takes 1."""


class Probing(Generic[Key]):
    """Probes targets, each at its interval, and reports the results."""

    log = Logger()

    def __init__(
        self,
        prober: Probes,
        learn: Callable[[Key, ProbeResult], bool],
        reactor: Any,
        dice: Random,
    ) -> None:
        """Prepare; nothing is probed before `set_targets`.

        `learn` takes a result and returns whether the state of its target is settled.
        The reactor's `seconds` must be monotonic.
        """
        self._prober = prober
        self._learn = learn
        self._reactor = reactor
        self._dice = dice
        self._targets: dict[Key, ProbeTarget] = {}
        self._schedule: Schedule[Key] = Schedule()
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor
        self._stopped = False
        self._started = self._good = self._unknown = self._running = 0
        self._bad: Counter[Cause] = Counter()
        self.results = Tally(2)
        """Probes by the kind of their check and their result: `good`, `unknown`, or the cause."""
        self._late, self._late_before, self._period = 0.0, 0.0, 0.0

    def set_targets(self, targets: Mapping[Key, ProbeTarget]) -> None:
        """Probe these targets from now on.

        Targets that stay with the same interval keep their times.  The result of a running probe is
        dropped if its key was removed or has another target now.
        """
        if self._stopped:
            return
        # An equal target stays the same object, so that results need no comparison.
        before = self._targets
        self._targets = {
            key: before[key] if before.get(key) == target else target
            for key, target in targets.items()
        }
        timings = {key: timing_of(target.check) for key, target in targets.items()}
        self._schedule.replace(timings, self._reactor.seconds(), self._dice)
        if targets and not self._ticking.running:
            self._ticking.start(TICK, now=False)
        elif not targets and self._ticking.running:
            self._ticking.stop()

    def stop(self) -> None:
        """Start no more probes and report no more results; the owner of the prober stops that."""
        self._stopped = True
        self._targets = {}
        if self._ticking.running:
            self._ticking.stop()

    def is_fast(self, key: Key) -> bool:
        """Return whether a target is probed at its `fast_interval` now."""
        return self._schedule.is_fast(key)

    def report(self) -> ProbeReport:
        """Return the state of probing."""
        return ProbeReport(
            len(self._targets),
            self._started,
            self._good,
            dict(self._bad),
            self._unknown,
            self._prober.waiting,
            self._running - self._prober.waiting,
            max(self._late, self._late_before),
            self._schedule.fast,
        )

    def _tick(self) -> None:
        now = self._reactor.seconds()
        if now - self._period >= PERIOD:
            self._late, self._late_before, self._period = 0.0, self._late, now
        for key, due in self._schedule.take_due(now):
            self._begin(key, self._targets[key], due)
        self._late = max(self._late, self._schedule.behind(now))

    def _begin(self, key: Key, target: ProbeTarget, due: float) -> None:
        self._started += 1
        self._running += 1
        self._prober.probe(target, lambda result: self._ended(key, target, due, result))

    def _ended(self, key: Key, target: ProbeTarget, due: float, result: ProbeResult) -> None:
        self._running -= 1
        if self._stopped:
            return
        now = self._reactor.seconds()
        self._late = max(self._late, now - result.seconds - due)
        self.results.add(target.check.kind.value, _word(result))
        if result.cause is None:
            self._good += 1
        elif result.is_unknown:
            self._unknown += 1
        else:
            self._bad[result.cause] += 1
        settled = True
        try:
            if self._targets.get(key) is target:
                settled = self._learn(key, result)
        finally:
            self._schedule.ended(key, now, self._dice, settled=settled)


def _word(result: ProbeResult) -> str:
    """Return the word for a result."""
    if result.cause is None:
        return "good"
    return "unknown" if result.is_unknown else result.cause.value


def timing_of(check: Check) -> ProbeTiming:
    """Return the times of the probes of a check."""
    is_program = PROBE_KINDS[check.kind].lane is Lane.PROGRAMS
    return ProbeTiming(
        check.interval, check.jitter, check.fast_interval, PROGRAM_COST if is_program else 1.0
    )
