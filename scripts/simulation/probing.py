"""The probes of both sides, in the order in which their results are known.

Each head has a phase in the interval.  Its probes begin at phase + n * interval, with a random
jitter, as in the server.  There is only one check for each head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from random import Random

from failoverdns.model.group import Side
from failoverdns.model.health import Check, ProbeResult
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
    streams = [
        _of_head(pattern, check, side, head, Random(f"{seed} {side.value} {head}"))
        for side in Side
        for head in range(pattern.heads)
    ]
    return merge(*streams, key=lambda observation: observation.at)


def _of_head(
    pattern: Pattern, check: Check, side: Side, head: int, dice: Random
) -> Iterator[Observation]:
    nominal, free = check.interval * dice.random(), 0.0
    while nominal < pattern.lasts:
        begin = max(free, nominal + check.interval * check.jitter * dice.uniform(-1, 1))
        result = probe(pattern, check, side, head, begin, dice)
        free = begin + result.seconds
        yield Observation(free, side, head, result)
        nominal += check.interval
