"""False switches: how often a group leaves a healthy primary because probes were lost.

The primary's head is healthy, a share of its probes is lost independently, and the backup is up.
The group switches if the head becomes `down` and is not `up` again before the policy's `at`.  There
are two ways to count, both by `rules.derived.health.tallied` and `rules.decisions.policy.verdict`:

| way         | method                                                                           |
|-------------|----------------------------------------------------------------------------------|
| `exact`     | follows all sequences of probes, with their probabilities (a Markov chain over   |
|             | tallies), until the head has recovered or the group has switched                 |
| `simulated` | draws random probes for years, and skips the good probes of a head that is up,   |
|             | which have no effect                                                             |

Both count per time on the primary: somebody switches back, and the next span begins.  Neither has
the cooldown and the flap guard, which limit the number of switches and not their causes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, floor, lgamma, log, sqrt
from random import Random

from failoverdns.model.group import Side
from failoverdns.model.health import Cause, Health, ProbeResult
from failoverdns.rules.decisions.policy import Situation, verdict
from failoverdns.rules.derived.health import Condition, Tally, tallied
from simulation.patterns import RESPONSE
from simulation.setting import Setting

YEAR = 365.25 * 86400.0
"""Seconds in a year."""

_GOOD = ProbeResult(None, "", RESPONSE)
_BAD = ProbeResult(Cause.TIMEOUT, "lost", 0.0)


@dataclass(frozen=True, slots=True)
class Count:
    """Counts in simulated years, and the 95 % confidence interval of the mean."""

    switches: int
    downs: int
    years: float

    @property
    def a_year(self) -> float:
        """False switches a year."""
        return self.switches / self.years

    @property
    def bounds(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean a year, by Poisson (Garwood's interval)."""
        low, high = poisson_bounds(self.switches)
        return low / self.years, high / self.years


@dataclass(frozen=True, slots=True)
class Rate:
    """Exact means a year: of false switches, and of times that the head becomes `down`."""

    switches: float
    downs: float


def exact(setting: Setting, loss: float) -> Rate:
    """Return the exact rates for a share of lost probes (0 < `loss` < 1).

    The age of a tally is the number of probes since it became `down`, or None before that.
    """
    calm, last = _calm(setting), _last_age(setting)
    probes = left = downs = 0.0
    now: dict[tuple[Tally, int | None], float] = {(calm, None): 1.0}
    while now:
        later: dict[tuple[Tally, int | None], float] = defaultdict(float)
        for (tally, age), chance in now.items():
            if age == last:
                left += chance
                continue
            probes += chance
            for result, share in ((_GOOD, 1.0 - loss), (_BAD, loss)):
                after = _capped(tallied(tally, result, setting.check), setting)
                reached = chance * share
                if age is not None and after.health is Health.UP:
                    left += reached * (1.0 - _in_time(setting, age + 1))
                elif age is not None:
                    later[after, age + 1] += reached
                elif after.health is Health.DOWN:
                    downs += reached
                    later[after, 0] += reached
                elif after != calm:
                    later[after, None] += reached
        now = later
    spans = YEAR / (setting.check.interval * probes)
    return Rate(left * spans, downs * spans)


def simulated(
    setting: Setting, loss: float, dice: Random, *, years: float, enough: int = 10**9
) -> Count:
    """Return the count of random draws for some years, or until `enough` switches were counted."""
    check, calm = setting.check, _calm(setting)
    until = years * YEAR / check.interval
    calm_scale = log(1.0 - loss)
    probes = switches = downs = 0
    while probes < until and switches < enough:
        probes += floor(log(1.0 - dice.random()) / calm_scale) + 1  # the last one is lost
        tally = tallied(calm, _BAD, check)
        while tally.health is Health.UP and tally.streak < 0:
            probes += 1
            tally = tallied(tally, _thrown(dice, loss), check)
        if tally.health is Health.DOWN:
            downs += 1
            is_left, taken = _followed(setting, loss, tally, dice)
            switches += is_left
            probes += taken
    return Count(switches, downs, probes * check.interval / YEAR)


def _followed(setting: Setting, loss: float, tally: Tally, dice: Random) -> tuple[bool, int]:
    """Follow a head that has just become down; return whether the group leaves, and the probes.

    Times are seconds after the probe that made it down was due, without jitter.
    """
    check = setting.check
    wobble = check.interval * check.jitter
    deadline = _left_at(setting, dice.uniform(-wobble, wobble) + check.timeout)
    for age in range(1, _last_age(setting) + 1):
        tally = tallied(tally, _thrown(dice, loss), check)
        if tally.health is Health.UP:
            known = age * check.interval + dice.uniform(-wobble, wobble) + RESPONSE
            return known > deadline, age
    return True, _last_age(setting)


def _thrown(dice: Random, loss: float) -> ProbeResult:
    return _BAD if dice.random() < loss else _GOOD


def _calm(setting: Setting) -> Tally:
    """Return the tally of a head that is up, and whose last probe was good."""
    tally = Tally()
    for _ in range(setting.check.up_after):
        tally = tallied(tally, _GOOD, setting.check)
    return _capped(tally, setting)


def _capped(tally: Tally, setting: Setting) -> Tally:
    """Return a tally that is the same for all tallies with the same future.

    A streak counts only until it changes the health, and only in the direction of a change.
    """
    if tally.health is Health.UP:
        return Tally(Health.UP, min(tally.streak, 0))
    return Tally(tally.health, max(tally.streak, 0))


def _left_at(setting: Setting, since: float) -> float:
    """Return the time at which the policy leaves a primary that is down since a time."""
    down, up = Condition(Health.DOWN, since), Condition(Health.UP, since)
    says = verdict(setting.policy, Situation(Side.PRIMARY, down, up), since)
    assert says.to is Side.BACKUP
    return says.at


def _in_time(setting: Setting, age: int) -> float:
    """Return the chance that a good result of that age is known before the group leaves.

    It depends on the difference of the jitter of two probes, a triangular distribution.
    """
    check = setting.check
    spare = _left_at(setting, check.timeout) - age * check.interval - RESPONSE
    widest = 2.0 * check.interval * check.jitter
    if abs(spare) >= widest:
        return 1.0 if spare >= 0.0 else 0.0
    rest = 1.0 - abs(spare) / widest
    return 1.0 - rest * rest / 2.0 if spare >= 0.0 else rest * rest / 2.0


def _last_age(setting: Setting) -> int:
    """Return the age of the last probe whose good result may be known in time."""
    age = 0
    while _in_time(setting, age + 1) > 0.0:
        age += 1
    return age


def poisson_bounds(count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of the mean of a Poisson count.

    It is Garwood's exact interval, and beyond 1000 the normal distribution, which is as good there.
    """
    if count > 1000:
        return count - 1.96 * sqrt(count), count + 1.96 * sqrt(count)
    low = _mean_where(lambda mean: 1.0 - _at_most(count - 1, mean) < 0.025, count)
    return (low if count else 0.0), _mean_where(lambda mean: _at_most(count, mean) > 0.025, count)


def _mean_where(is_below: Callable[[float], bool], count: int) -> float:
    low, high = 0.0, 2.0 * count + 20.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return high


def _at_most(count: int, mean: float) -> float:
    """Return the chance of at most `count` events, by Poisson."""
    if mean == 0.0:
        return 1.0
    return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(count + 1))
