"""The studies: many runs each, and the figures that come of them.

| study      | its question                                                                      |
|------------|-----------------------------------------------------------------------------------|
| `outcomes` | what does each outage cost, with failover and without?                            |
| `drain`    | how fast are clients on the right side, by the resolver that they use?            |
| `delays`   | how long do detecting, switching and draining take, for several settings?         |
| `blips`    | which outages are so short that nothing switches?                                 |
| `rates`    | how often is a side left that is well, for so many lost probes?                   |
| `flaps`    | how often does a side switch that comes and goes, with guards and without?        |

Every study throws dice of its own from the seed, so that one of them alone has the same figures.
Refuses to know how figures are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from failoverdns.model.group import Side
from simulation.clients import caches, share_right, together
from simulation.figures import Spread, mean, spread
from simulation.losses import Count, Rate, exact, simulated
from simulation.patterns import BEGINS, Pattern, blip, flapping, hard_down
from simulation.probing import observations
from simulation.replay import replayed
from simulation.resolvers import Population
from simulation.run import Answers, Run
from simulation.setting import Setting, label

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Hears what is being done, how many parts of it are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Means:
    """What studies are done with: how many runs, which dice, who hears of progress."""

    seed: int
    runs: int
    resolvers: int
    """So many of each kind, in each run."""
    progress: Progress
    hours: float = 24.0
    """How long a side flaps."""

    def told(self, what: str, parts: Sequence[T]) -> Iterator[T]:
        """Yield the parts, and tell of each that it is done."""
        for number, part in enumerate(parts):
            self.progress(what, number, len(parts))
            yield part
        self.progress(what, len(parts), len(parts))


def run_of(pattern: Pattern, setting: Setting, seed: int) -> Run:
    """Return one run of a pattern."""
    seen = observations(pattern, setting.check, seed)
    return replayed(seen, pattern.heads, setting, pattern.lasts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a pattern: means over its runs, from the beginning of the outage.

    `right` and `unaided` are shares of the time that clients are on a side that serves them: with
    failover, and if the group had stayed on its primary.
    """

    pattern: Pattern
    switches: float
    most: int
    detected: Spread
    switched: Spread
    right: float
    unaided: float


def outcomes(
    patterns: Iterable[Pattern], setting: Setting, population: Population, means: Means
) -> list[Outcome]:
    """Return what becomes of each pattern."""
    return [
        _outcome(pattern, setting, population, means)
        for pattern in means.told("outcomes", list(patterns))
    ]


def _outcome(pattern: Pattern, setting: Setting, population: Population, means: Means) -> Outcome:
    dice = Random(f"{means.seed} outcomes {pattern.name}")
    runs = [run_of(pattern, setting, means.seed + number) for number in range(means.runs)]
    steps = 240
    times = [
        BEGINS + (pattern.lasts - BEGINS) * (step + dice.random()) / steps for step in range(steps)
    ]
    right = []
    for run in runs[: max(1, means.runs // 5)]:
        answers, span = run.answers(), (BEGINS, pattern.lasts)
        known = caches(setting, population, answers, span, max(1, means.resolvers // 4), dice)
        for at in times:
            shares = {name: share_right(pattern, of, answers, at) for name, of in known.items()}
            right.append(together(shares, population))
    return Outcome(
        pattern,
        mean([len(run.switches) for run in runs]),
        max(len(run.switches) for run in runs),
        _after_begin(run.first_down(Side.PRIMARY, BEGINS) for run in runs),
        _after_begin(run.first_switch(BEGINS) for run in runs),
        mean(right),
        mean([pattern.share_right(Side.PRIMARY, at) for at in times]),
    )


def _after_begin(times: Iterable[float | None]) -> Spread:
    return spread([at - BEGINS for at in times if at is not None])


@dataclass(frozen=True, slots=True)
class Drain:
    """Shares of clients on the right side, at times after the primary went down.

    `shares` are by kind of resolver; `together` is of all clients.
    """

    times: tuple[float, ...]
    shares: Mapping[str, tuple[float, ...]]
    together: tuple[float, ...]
    detected: Spread
    switched: Spread


def drain(setting: Setting, population: Population, means: Means) -> Drain:
    """Return how clients get to the other side while the primary is down."""
    pattern, dice = hard_down(), Random(f"{means.seed} drain")
    times = tuple(sorted([-0.01, *(float(at) for at in range(-60, 601, 5))]))
    sums: dict[str, list[float]] = {}
    runs = []
    for number in means.told("drain", range(means.runs)):
        run = run_of(pattern, setting, means.seed + number)
        runs.append(run)
        answers, span = run.answers(), (BEGINS + times[0], BEGINS + times[-1])
        for name, known in caches(
            setting, population, answers, span, means.resolvers, dice
        ).items():
            of_kind = sums.setdefault(name, [0.0] * len(times))
            for index, at in enumerate(times):
                of_kind[index] += share_right(pattern, known, answers, BEGINS + at) / means.runs
    whole = (
        together({name: values[index] for name, values in sums.items()}, population)
        for index in range(len(times))
    )
    return Drain(
        times,
        {name: tuple(values) for name, values in sums.items()},
        tuple(whole),
        _after_begin(run.first_down(Side.PRIMARY, BEGINS) for run in runs),
        _after_begin(run.first_switch(BEGINS) for run in runs),
    )


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from the outage until it is known, until the group switched, until clients follow.

    `clients` is of all of them: until a client that asks is told the other side.
    """

    setting: Setting
    detected: Spread
    switched: Spread
    clients: Spread


def delays(settings: Sequence[Setting], population: Population, means: Means) -> list[Delay]:
    """Return how long a hard outage is felt, for each setting."""
    found = []
    for setting in means.told("delays", settings):
        dice = Random(f"{means.seed} delays")
        detected, switched, clients = [], [], []
        pattern = hard_down(900.0)
        for number in range(means.runs):
            run = run_of(pattern, setting, means.seed + number)
            at = run.first_switch(BEGINS)
            if at is None:
                continue
            detected.append(run.first_down(Side.PRIMARY, BEGINS))
            switched.append(at)
            clients += _followed(setting, population, run.answers(), at, means.resolvers, dice)
        found.append(
            Delay(setting, _after_begin(detected), *map(_after_begin, (switched, clients)))
        )
    return found


def _followed(
    setting: Setting,
    population: Population,
    answers: Answers,
    at: float,
    count: int,
    dice: Random,
) -> list[float]:
    """Return for so many clients, behind resolvers of all kinds, when they follow a switch."""
    every = caches(setting, population, answers, (at, at), count, dice)
    names = list(every)
    chosen = dice.choices(names, [population.shares[name] for name in names], k=count)
    return [at + every[name][number].drained(at) for number, name in enumerate(chosen)]


@dataclass(frozen=True, slots=True)
class Blips:
    """Which share of the outages of some lengths (seconds) made the group switch."""

    setting: Setting
    shares: Mapping[float, float]


BLIPS = (10.0, 20.0, 30.0, 40.0, 60.0, 90.0, 120.0)
"""Seconds that short outages last."""


def blips(settings: Sequence[Setting], means: Means) -> list[Blips]:
    """Return for each setting how long an outage has to be to make the group switch."""
    return [
        Blips(setting, {lasts: _switching(setting, lasts, means) for lasts in BLIPS})
        for setting in means.told("blips", settings)
    ]


def _switching(setting: Setting, lasts: float, means: Means) -> float:
    pattern = replace(blip(lasts), lasts=BEGINS + lasts + 400.0)
    runs = (run_of(pattern, setting, means.seed + number) for number in range(means.runs))
    return mean([run.first_switch(BEGINS) is not None for run in runs])


LOSSES = (0.005, 0.01, 0.02, 0.05, 0.10, 0.20)
"""Shares of probes that are lost."""


@dataclass(frozen=True, slots=True)
class Rates:
    """False switches a year for each share of lost probes: exact, and as counted with dice."""

    setting: Setting
    exact: Mapping[float, Rate]
    counted: Mapping[float, Count]


def rates(settings: Sequence[Setting], means: Means, lost: int) -> list[Rates]:
    """Return how often each setting leaves a primary that is well.

    Dice are thrown for about `lost` probes that are lost, for each setting and share.
    """
    found = []
    for setting in means.told("rates", settings):
        counted = {}
        for loss in LOSSES:
            dice = Random(f"{means.seed} rates {loss} {label(setting)}")
            years = lost * setting.check.interval / loss / (365.25 * 86400.0)
            counted[loss] = simulated(setting, loss, dice, years=years, enough=1000)
        found.append(Rates(setting, {loss: exact(setting, loss) for loss in LOSSES}, counted))
    return found


@dataclass(frozen=True, slots=True)
class Flaps:
    """Switches an hour of a primary that comes and goes, by the seconds of a period."""

    name: str
    an_hour: Mapping[float, float]
    right: Mapping[float, float]
    """Share of the time that the answer is a side that is up."""


PERIODS = (60.0, 120.0, 180.0, 240.0, 360.0, 480.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0, 7200.0)
"""Seconds of a period of flapping: half of it up, half of it down."""


def flaps(setting: Setting, means: Means) -> list[Flaps]:
    """Return how often a flapping primary makes the group switch, with fail-back.

    The guards are added one by one: none, `hold`, then `cooldown` and `max_switches` too.
    """
    whole = setting.with_fail_back()
    bare = whole.without_guards()
    held = replace(bare, policy=replace(bare.policy, hold=whole.policy.hold))
    variants = {"no guards": bare, "hold": held, "hold, cooldown, flap guard": whole}
    runs = max(1, means.runs // 20)
    found = []
    for name, variant in means.told("flaps", list(variants.items())):
        an_hour, right = {}, {}
        for period in PERIODS:
            pattern = flapping(period, lasts=means.hours * 3600.0)
            done = [run_of(pattern, variant, means.seed + number) for number in range(runs)]
            an_hour[period] = mean([len(run.switches) for run in done]) / means.hours
            right[period] = mean([_time_right(pattern, run) for run in done])
        found.append(Flaps(name, an_hour, right))
    return found


def _time_right(pattern: Pattern, run: Run) -> float:
    answers, step = run.answers(), 7.0
    times = [BEGINS + step * number for number in range(int((pattern.lasts - BEGINS) / step))]
    return mean([pattern.share_right(answers.at(at), at) for at in times])
