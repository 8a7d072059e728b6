"""False switches: how often a group leaves a healthy primary because probes were lost.

The primary's head is healthy, a share of its probes is lost independently, and the backup is up.
The group switches if the head becomes `down` and is not `up` again before the policy's `at`.  There
are two ways to count, both by the server's own rules: `rules.derived.health`,
`probing.schedule.Due` and `rules.decisions.policy.verdict`.

| way         | method                                                                           |
|-------------|----------------------------------------------------------------------------------|
| `exact`     | follows all sequences of probes after a lost one, with their probabilities (a    |
|             | Markov chain over tallies and times), until the health is settled again          |
| `simulated` | draws random probes for years, and skips the good probes of a head that is up,   |
|             | which have no effect                                                             |

Both count per time on the primary: somebody switches back, and the next span begins.  Neither has
the cooldown and the flap guard, which limit the number of switches and not their causes, nor the
minute of rest after a head came up again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, floor, inf, lgamma, log, sqrt
from random import Random

from failoverdns.model.group import Side
from failoverdns.model.health import Cause, Health, ProbeResult
from failoverdns.probing.probe_loop import timing_of
from failoverdns.probing.schedule import Due
from failoverdns.rules.decisions.policy import Situation, verdict
from failoverdns.rules.derived.health import Condition, Tally, is_settled, tallied
from simulation.patterns import RESPONSE
from simulation.setting import Setting

YEAR = 365.25 * 86400.0
"""Seconds in a year."""

GOOD = ProbeResult(None, "", RESPONSE)
BAD = ProbeResult(Cause.TIMEOUT, "lost", inf)
"""Results of a probe; a lost one takes the timeout of its check."""


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


@dataclass(frozen=True, slots=True)
class Alarm:
    """A head after a lost probe, which was due at 0 without jitter.

    `down` is the time at which it became known as down, or None; `number` counts the regular probes
    so far, whose jitter moves all times after them, and `down_number` is that count at `down`.
    """

    tally: Tally
    due: Due
    number: int
    down: float | None = None
    down_number: int = 0

    def after(self, result: ProbeResult, setting: Setting, dice: Random) -> Alarm:
        """Return the alarm after one more probe, which begins when it is due."""
        begun = self.due.begun(self.due.due)
        number = self.number + self.due.is_regular
        ended = begun.due + min(result.seconds, setting.check.timeout)
        tally = _capped(tallied(self.tally, result, setting.check), setting)
        down, down_number = self.down, self.down_number
        if tally.health is Health.DOWN and down is None:
            down, down_number = ended, number
        age = ended - down if down is not None else inf
        is_fast = begun.timing.has_fast_probes and not is_settled(tally, age)
        due = begun.ended(ended, dice, fast=is_fast)
        return Alarm(tally, due, number, down, down_number)


def exact(setting: Setting, loss: float) -> Rate:
    """Return the exact rates for a share of lost probes (0 < `loss` < 1).

    Probes that follow each other fast have no jitter between them.  Each state of the chain is an
    alarm; it ends when the head is up and its last probe was good, or when the group switches.
    """
    calm, still = _calm(setting), Random(0)
    timing = replace(timing_of(setting.check), jitter=0.0)
    # The cycle from one regular probe of a calm head to the next one: its mean length in seconds,
    # the mean number of times that the head becomes down, and of switches.
    length = (1.0 - loss) * setting.check.interval
    downs = left = 0.0
    now: dict[Alarm, float] = {Alarm(calm, Due(timing, 0.0, 0.0), 0): 1.0}
    is_first = True
    while now:
        later: dict[Alarm, float] = defaultdict(float)
        for alarm, chance in now.items():
            for result, share in ((GOOD, 1.0 - loss), (BAD, loss)):
                if is_first and result is GOOD:
                    continue
                reached = chance * share
                after = _rounded(alarm.after(result, setting, still))
                if after.down is not None and alarm.down is None:
                    downs += reached
                known = alarm.due if after.tally == calm else after.due
                chance_left = 1.0 - _in_time(setting, after, known)
                if after.tally == calm or chance_left == 1.0:
                    left += reached * chance_left
                    length += reached * after.due.due
                else:
                    later[after] += reached
        now, is_first = later, False
    return Rate(left * YEAR / length, downs * YEAR / length)


def _rounded(alarm: Alarm) -> Alarm:
    """Return the alarm with rounded times, so that equal states are one."""
    due = alarm.due
    began = round(due.began, 6) if due.began is not None else None
    due = Due(due.timing, round(due.nominal, 6), round(due.due, 6), due.is_regular, began)
    down = round(alarm.down, 6) if alarm.down is not None else None
    return replace(alarm, due=due, down=down)


def simulated(
    setting: Setting, loss: float, dice: Random, *, years: float, enough: int = 10**9
) -> Count:
    """Return the count of random draws for some years, or until `enough` switches were counted."""
    check, calm = setting.check, _calm(setting)
    spans = [0.0, *(_span(setting, bad) for bad in range(1, check.down_after))]
    wobble = check.interval * check.jitter
    bad_scale, calm_scale = log(loss), log(1.0 - loss)
    seconds, switches, downs = 0.0, 0, 0
    while seconds < years * YEAR and switches < enough:
        seconds += floor(log(1.0 - dice.random()) / calm_scale) * check.interval
        bad = 1 + floor(log(1.0 - dice.random()) / bad_scale)
        if bad < check.down_after:
            seconds += spans[bad]
            continue
        alarm = alarm_of(setting, dice.uniform(-wobble, wobble))
        for _ in range(check.down_after):
            alarm = alarm.after(BAD, setting, dice)
        assert alarm.down is not None
        downs, known = downs + 1, alarm.due.due + RESPONSE
        deadline = left_at(setting, alarm.down)
        while alarm.tally != calm and known <= deadline:
            alarm = alarm.after(_thrown(dice, loss), setting, dice)
            if alarm.tally != calm:
                known = alarm.due.due + RESPONSE
        switches += known > deadline
        seconds += alarm.due.nominal
    return Count(switches, downs, seconds / YEAR)


def alarm_of(setting: Setting, due: float) -> Alarm:
    """Return the alarm of a calm head, before its first lost probe, which begins at `due`."""
    return Alarm(_calm(setting), Due(timing_of(setting.check), 0.0, due), 0)


def _span(setting: Setting, bad: int) -> float:
    """Return the seconds from the first of some lost probes, which take no head down, to calm."""
    dice = Random(0)
    alarm = alarm_of(setting, 0.0)
    for result in (*[BAD] * bad, GOOD):
        alarm = alarm.after(result, setting, dice)
    return alarm.due.nominal


def _thrown(dice: Random, loss: float) -> ProbeResult:
    return BAD if dice.random() < loss else GOOD


def _calm(setting: Setting) -> Tally:
    """Return the tally of a head that is up, and whose last probe was good."""
    tally = Tally()
    for _ in range(setting.check.up_after):
        tally = tallied(tally, GOOD, setting.check)
    return _capped(tally, setting)


def _capped(tally: Tally, setting: Setting) -> Tally:
    """Return a tally that is the same for all tallies with the same future.

    A streak counts only until it changes the health, and then only its direction.
    """
    least, most = -setting.check.down_after, setting.check.up_after
    if tally.health is Health.UP:
        least, most = least, 1
    elif tally.health is Health.DOWN:
        least, most = -1, most
    return Tally(tally.health, max(least, min(tally.streak, most)))


def left_at(setting: Setting, since: float) -> float:
    """Return the time at which the policy leaves a primary that is down since a time."""
    down, up = Condition(Health.DOWN, since), Condition(Health.UP, since)
    says = verdict(setting.policy, Situation(Side.PRIMARY, down, up), since)
    assert says.to is Side.BACKUP
    return says.at


def _in_time(setting: Setting, alarm: Alarm, probe: Due) -> float:
    """Return the chance that the good result of a probe is known before the group leaves.

    It depends on the difference of the jitter of two regular probes, a triangular distribution,
    unless this probe follows the regular one before the head went down, and no other.
    """
    if alarm.down is None:
        return 1.0
    check = setting.check
    spare = left_at(setting, alarm.down) - (probe.due + RESPONSE)
    is_next = probe is alarm.due and probe.is_regular
    is_same = alarm.number + is_next == alarm.down_number
    widest = 0.0 if is_same else 2.0 * check.interval * check.jitter
    if abs(spare) >= widest:
        return 1.0 if spare >= 0.0 else 0.0
    rest = 1.0 - abs(spare) / widest
    return 1.0 - rest * rest / 2.0 if spare >= 0.0 else rest * rest / 2.0


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
