"""How fast and how safe a setting can be: many candidates, and those that no other one beats.

A candidate is fast if a group leaves a dead primary early, and safe if it seldom leaves a healthy
one.  Both are computed without random numbers: the delay of a hard outage from the times of its
probes, the false switches by `losses.exact`.  Candidates whose group would switch after the server
was cut off from both sides are left out: their grace is shorter than the longest time between two
probes of a head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from simulation.losses import BAD, GOOD, alarm_of, exact, left_at
from simulation.setting import Setting, setting_of

LOSS = 0.05
"""The share of lost probes for which settings are compared."""

PACES: Sequence[tuple[float, float | None]] = (
    (20.0, 1.0),
    (10.0, None),
    (10.0, 1.0),
    (5.0, None),
    (5.0, 1.0),
)
"""Pairs of an interval and a fast interval (None: no fast probes), in seconds."""

DOWN_AFTER, UP_AFTER = (2, 3, 4, 5, 6), 2
GRACE = (6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A setting; `switched` is the median delay in seconds.

    `false` are false switches a year, `downs` the times that a healthy head becomes down.

    `burst` is the length in seconds up to which a burst that hits only the primary's probes never
    causes a switch.
    """

    setting: Setting
    switched: float
    false: float
    downs: float
    burst: float


def switched_after(setting: Setting) -> float:
    """Return the median seconds from the death of the primary to the switch, without jitter.

    The machine does not respond: each probe runs into its timeout.
    """
    alarm, dice = alarm_of(setting, 0.0), Random(0)
    for _ in range(setting.check.down_after):
        alarm = alarm.after(BAD, setting, dice)
    assert alarm.down is not None
    return setting.check.interval / 2.0 + left_at(setting, alarm.down)


def longest_burst(setting: Setting) -> float:
    """Return the length up to which a burst at the primary alone never causes a switch."""
    short, long = 0.0, 600.0
    while long - short > 0.05:
        middle = (short + long) / 2.0
        short, long = (middle, long) if _outlives(setting, middle) else (short, middle)
    return short


def _outlives(setting: Setting, lasts: float) -> bool:
    """Return whether a group stays, although all probes of its primary are lost for some seconds.

    The burst begins with a probe, which is the worst case.
    """
    alarm, dice, known = alarm_of(setting, 0.0), Random(0), 0.0
    calm = alarm.tally
    alarm = alarm.after(BAD, setting, dice)
    while alarm.tally != calm:
        result = BAD if alarm.due.due < lasts else GOOD
        known = alarm.due.due + min(result.seconds, setting.check.timeout)
        if alarm.down is not None and known > left_at(setting, alarm.down):
            return False
        alarm = alarm.after(result, setting, dice)
    return alarm.down is None or known <= left_at(setting, alarm.down)


def candidates(paces: Iterable[tuple[float, float | None]] = PACES) -> Iterator[Setting]:
    """Yield the settings that are compared, except those that do not outlive a cut-off."""
    for (interval, fast), down, grace in product(paces, DOWN_AFTER, GRACE):
        setting = setting_of(interval, down, UP_AFTER, grace, fast=fast)
        if grace >= setting.check.longest_gap:
            yield setting


def judged(setting: Setting) -> Candidate:
    """Return how fast and how safe a setting is."""
    rate, burst = exact(setting, LOSS), longest_burst(setting)
    return Candidate(setting, switched_after(setting), rate.switches, rate.downs, burst)


def unbeaten(found: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates that no other one beats in both respects, the fastest first."""
    best: list[Candidate] = []
    for candidate in sorted(found, key=lambda one: (one.switched, one.false)):
        if not best or candidate.false < best[-1].false:
            best.append(candidate)
    return best
