"""The studies: many runs each, and the resulting figures.

| study      | question                                                                          |
|------------|-----------------------------------------------------------------------------------|
| `outcomes` | what is the cost of each outage, with failover and without?                       |
| `drain`    | how fast are clients on the right side, by the resolver that they use?            |
| `delays`   | how long do detecting, switching and draining take, for several settings?         |
| `blips`    | which outages are too short to cause a switch?                                    |
| `rates`    | how often do lost probes cause a switch from a healthy side?                      |
| `bursts`   | which bursts of loss cause a switch, and how many a year that are?                |
| `frontier` | how fast and how safe can a setting be, and where are the defaults?               |
| `flaps`    | how often does a flapping side cause a switch, with guards and without?           |

Every study has its own random source, so that it has the same figures alone and with others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from failoverdns.model.group import Side
from simulation.bursts import LENGTHS, Bursts, Shares, burst
from simulation.clients import caches, share_right, together
from simulation.figures import Spread, mean, spread
from simulation.frontier import PACES, Candidate, candidates, judged, unbeaten
from simulation.losses import Count, Rate, exact, simulated
from simulation.patterns import BEGINS, Pattern, blip, flapping, hard_down
from simulation.probing import observations
from simulation.replay import replayed
from simulation.resolvers import Population
from simulation.run import Answers, Run
from simulation.setting import Setting, label

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Called with the name of a study, the number of completed parts, and the number of parts."""


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """The number of runs of the studies, their random seed, and the function for progress."""

    seed: int
    runs: int
    resolvers: int
    """The number of resolvers of each kind in each run."""
    progress: Progress
    hours: float = 24.0
    """The hours for which a side flaps."""

    def tracked(self, what: str, parts: Sequence[T]) -> Iterator[T]:
        """Yield the parts, and report progress after each."""
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
    """The outcome of a pattern: means over its runs, from the beginning of the outage.

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
    patterns: Iterable[Pattern], setting: Setting, population: Population, options: StudyOptions
) -> list[Outcome]:
    """Return the outcome of each pattern."""
    return [
        _outcome(pattern, setting, population, options)
        for pattern in options.tracked("outcomes", list(patterns))
    ]


def _outcome(
    pattern: Pattern, setting: Setting, population: Population, options: StudyOptions
) -> Outcome:
    dice = Random(f"{options.seed} outcomes {pattern.name}")
    runs = [run_of(pattern, setting, options.seed + number) for number in range(options.runs)]
    steps = 240
    times = [
        BEGINS + (pattern.lasts - BEGINS) * (step + dice.random()) / steps for step in range(steps)
    ]
    right = []
    for run in runs[: max(1, options.runs // 5)]:
        answers, span = run.answers(), (BEGINS, pattern.lasts)
        known = caches(setting, population, answers, span, max(1, options.resolvers // 4), dice)
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


def drain(setting: Setting, population: Population, options: StudyOptions) -> Drain:
    """Return the shares of clients that follow to the other side while the primary is down."""
    pattern, dice = hard_down(), Random(f"{options.seed} drain")
    times = tuple(sorted([-0.01, *(float(at) for at in range(-60, 601, 5))]))
    sums: dict[str, list[float]] = {}
    runs = []
    for number in options.tracked("drain", range(options.runs)):
        run = run_of(pattern, setting, options.seed + number)
        runs.append(run)
        answers, span = run.answers(), (BEGINS + times[0], BEGINS + times[-1])
        for name, known in caches(
            setting, population, answers, span, options.resolvers, dice
        ).items():
            of_kind = sums.setdefault(name, [0.0] * len(times))
            for index, at in enumerate(times):
                of_kind[index] += share_right(pattern, known, answers, BEGINS + at) / options.runs
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
    """Seconds from the outage until its detection, until the switch, and until clients follow.

    `clients` is the time of all clients until they get the other side as an answer.
    """

    setting: Setting
    detected: Spread
    switched: Spread
    clients: Spread


def delays(
    settings: Sequence[Setting], population: Population, options: StudyOptions
) -> list[Delay]:
    """Return the delays of a hard outage for each setting."""
    found = []
    for setting in options.tracked("delays", settings):
        dice = Random(f"{options.seed} delays")
        detected, switched, clients = [], [], []
        pattern = hard_down(900.0)
        for number in range(options.runs):
            run = run_of(pattern, setting, options.seed + number)
            at = run.first_switch(BEGINS)
            if at is None:
                continue
            detected.append(run.first_down(Side.PRIMARY, BEGINS))
            switched.append(at)
            clients += _followed(setting, population, run.answers(), at, options.resolvers, dice)
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
    """Return the times at which `count` clients, behind resolvers of all kinds, follow a switch."""
    every = caches(setting, population, answers, (at, at), count, dice)
    names = list(every)
    chosen = dice.choices(names, [population.shares[name] for name in names], k=count)
    return [at + every[name][number].drained(at) for number, name in enumerate(chosen)]


@dataclass(frozen=True, slots=True)
class Blips:
    """The share of short outages of some lengths (seconds) that cause a switch."""

    setting: Setting
    shares: Mapping[float, float]


BLIPS = (10.0, 20.0, 30.0, 40.0, 60.0, 90.0, 120.0)
"""Lengths of short outages in seconds."""


def blips(settings: Sequence[Setting], options: StudyOptions) -> list[Blips]:
    """Return for each setting which short outages cause a switch."""
    return [
        Blips(setting, {lasts: _switching(setting, lasts, options) for lasts in BLIPS})
        for setting in options.tracked("blips", settings)
    ]


def _switching(setting: Setting, lasts: float, options: StudyOptions) -> float:
    pattern = replace(blip(lasts), lasts=BEGINS + lasts + 400.0)
    runs = (run_of(pattern, setting, options.seed + number) for number in range(options.runs))
    return mean([run.first_switch(BEGINS) is not None for run in runs])


def bursts(settings: Sequence[Setting], options: StudyOptions) -> list[Bursts]:
    """Return for each setting which bursts of loss cause a switch."""
    return [
        Bursts(
            setting,
            *(
                Shares({lasts: _of_bursts(setting, lasts, one_side, options) for lasts in LENGTHS})
                for one_side in (True, False)
            ),
        )
        for setting in options.tracked("bursts", settings)
    ]


def _of_bursts(setting: Setting, lasts: float, one_side: bool, options: StudyOptions) -> float:
    pattern = burst(lasts, one_side=one_side)
    seeds = range(options.seed, options.seed + max(1, options.runs // 2))
    return mean([bool(run_of(pattern, setting, seed).switches) for seed in seeds])


@dataclass(frozen=True, slots=True)
class Frontier:
    """The candidates that no other one beats, for each pace, and the settings beside them."""

    best: Mapping[tuple[float, float | None], Sequence[Candidate]]
    compared: Sequence[Candidate]


def frontier(settings: Sequence[Setting], options: StudyOptions) -> Frontier:
    """Return how fast and how safe settings can be, at each pace of probing."""
    best = {
        pace: unbeaten(judged(setting) for setting in candidates([pace]))
        for pace in options.tracked("frontier", PACES)
    }
    return Frontier(best, [judged(setting) for setting in settings])


LOSSES = (0.005, 0.01, 0.02, 0.05, 0.10, 0.20)
"""Shares of probes that are lost."""


@dataclass(frozen=True, slots=True)
class Rates:
    """False switches a year for each share of lost probes: exact, and counted in random draws."""

    setting: Setting
    exact: Mapping[float, Rate]
    counted: Mapping[float, Count]


def rates(settings: Sequence[Setting], options: StudyOptions, lost: int) -> list[Rates]:
    """Return how often each setting leaves a healthy primary.

    The random draws have about `lost` lost probes for each setting and share.
    """
    found = []
    for setting in options.tracked("rates", settings):
        counted = {}
        for loss in LOSSES:
            dice = Random(f"{options.seed} rates {loss} {label(setting)}")
            years = lost * setting.check.interval / loss / (365.25 * 86400.0)
            counted[loss] = simulated(setting, loss, dice, years=years, enough=1000)
        found.append(Rates(setting, {loss: exact(setting, loss) for loss in LOSSES}, counted))
    return found


@dataclass(frozen=True, slots=True)
class Flaps:
    """Switches an hour for a flapping primary, by the seconds of a period."""

    name: str
    an_hour: Mapping[float, float]
    right: Mapping[float, float]
    """The share of the time that the answered side is up."""


PERIODS = (
    30.0,
    60.0,
    120.0,
    180.0,
    240.0,
    360.0,
    480.0,
    600.0,
    900.0,
    1200.0,
    1800.0,
    3600.0,
    7200.0,
)
"""Seconds of a period of flapping: half of it up, half of it down."""


def flaps(setting: Setting, options: StudyOptions) -> list[Flaps]:
    """Return how often a flapping primary causes a switch, with automatic fail-back.

    The guards are added one by one: none, `hold`, then `cooldown` and `max_switches` too.
    """
    whole = setting.with_fail_back()
    bare = whole.without_guards()
    held = replace(bare, policy=replace(bare.policy, hold=whole.policy.hold))
    variants = {"no guards": bare, "hold": held, "hold, cooldown, flap guard": whole}
    runs = max(1, options.runs // 20)
    found = []
    for name, variant in options.tracked("flaps", list(variants.items())):
        an_hour, right = {}, {}
        for period in PERIODS:
            pattern = flapping(period, lasts=options.hours * 3600.0)
            done = [run_of(pattern, variant, options.seed + number) for number in range(runs)]
            an_hour[period] = mean([len(run.switches) for run in done]) / options.hours
            right[period] = mean([_time_right(pattern, run) for run in done])
        found.append(Flaps(name, an_hour, right))
    return found


def _time_right(pattern: Pattern, run: Run) -> float:
    answers, step = run.answers(), 7.0
    times = [BEGINS + step * number for number in range(int((pattern.lasts - BEGINS) / step))]
    return mean([pattern.share_right(answers.at(at), at) for at in times])
