"""The probes of both sides, in the order in which their results are known.

Each head has a phase in the interval.  When its next probe begins is decided by the server's own
code: `rules.derived.health` says whether the health of a head is settled, and
`probing.schedule.Due` when the next probe is due, at the interval or fast.  There is only one check
for each head, and always a place for a fast probe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from random import Random

from failoverdns.automation.watched import Seen, seen_after
from failoverdns.model.group import Side
from failoverdns.model.health import Check, Health, ProbeResult
from failoverdns.probing.probe_loop import timing_of
from failoverdns.probing.schedule import Due
from simulation.patterns import Pattern, probe


@dataclass(frozen=True, slots=True)
class Observation:
    """A probe result, and the time when it is known (seconds after the start)."""

    at: float
    side: Side
    head: int
    result: ProbeResult


def observations(pattern: Pattern, check: Check, seed: int) -> Iterator[Observation]:
    """Yield the results of all probes in order of time; the same seed gives the same results."""
    drawn = pattern.drawn(seed)
    streams = [
        _of_head(drawn, check, side, head, Random(f"{seed} {side.value} {head}"))
        for side in Side
        for head in range(pattern.heads)
    ]
    return merge(*streams, key=lambda observation: observation.at)


def _of_head(
    pattern: Pattern, check: Check, side: Side, head: int, dice: Random
) -> Iterator[Observation]:
    steps = Steps(check, check.interval * dice.random(), dice)
    while steps.due < pattern.lasts:
        result = probe(pattern, check, side, head, steps.due, dice)
        yield Observation(steps.take(result), side, head, result)


class Steps:
    """The probes of one head, each of which begins when the one before has a result."""

    def __init__(self, check: Check, first: float, dice: Random) -> None:
        """Begin with a head of which nothing is known, whose first probe is due at `first`."""
        self._check = check
        self._dice = dice
        self._next = Due(timing_of(check), first, first)
        self.seen: Seen | None = None
        self._is_calm = False

    @property
    def due(self) -> float:
        """When the next probe begins."""
        return self._next.due

    def take(self, result: ProbeResult) -> float:
        """Take the result of the probe that began when it was due; return when it is known."""
        begun = self._next.begun(self._next.due)
        ended = begun.due + result.seconds
        if self._is_calm and result.is_good:
            # It only makes the streak of good probes longer, which changes nothing.
            self._next = begun.ended(ended, self._dice, fast=False)
            return ended
        self.seen = seen_after(self.seen, result, self._check, ended)
        is_fast = not self.seen.is_settled and begun.timing.has_fast_probes
        self._next = begun.ended(ended, self._dice, fast=is_fast)
        self._is_calm = self.seen.tally.health is Health.UP and self.seen.tally.streak > 0
        return ended
