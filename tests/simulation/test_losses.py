"""False switches: the exact rate agrees with random draws, and with simulated probes."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from simulation.losses import YEAR, exact, poisson_bounds, simulated
from simulation.patterns import BEGINS, lossy
from simulation.probing import observations
from simulation.replay import replayed
from simulation.setting import CHECK, POLICY, Setting, setting_of

from failoverdns.model.group import Side


def test_the_rate_of_single_bad_probes() -> None:
    """With `down_after: 1`, `up_after: 1` and no grace, each lost probe is a switch."""
    rate = exact(setting_of(10, 1, 1, 0), 0.01)
    assert rate.switches == rate.downs == pytest.approx(YEAR / 10 * 0.01)


def test_the_rate_of_runs_of_bad_probes_follows_the_formula() -> None:
    """The first run of r losses comes after (1 - p^r) / ((1 - p) p^r) probes on average."""
    for runs, loss in ((2, 0.05), (3, 0.2), (5, 0.1)):
        mean = (1 - loss**runs) / ((1 - loss) * loss**runs)
        assert exact(setting_of(10, runs, 3, 0), loss).switches == pytest.approx(YEAR / 10 / mean)


@pytest.mark.parametrize(
    ("setting", "loss"),
    [
        (setting_of(10, 3, 3, 30), 0.2),
        (setting_of(10, 3, 3, 28), 0.15),  # jitter decides whether it recovers in time
        (setting_of(10, 4, 2, 20), 0.35),
        (setting_of(5, 2, 2, 30), 0.5),
        (Setting(replace(CHECK, jitter=0.5), POLICY), 0.35),
        (Setting(), 0.35),
        (setting_of(10, 3, 3, 8, fast=1), 0.2),
        (setting_of(10, 4, 2, 25, fast=2), 0.45),  # the grace is longer than fast probes last
        (setting_of(5, 3, 2, 6, timeout=0.5, fast=1), 0.5),
    ],
)
def test_the_exact_rate_agrees_with_random_draws(setting: Setting, loss: float) -> None:
    """The tolerance is four standard deviations of 900 switches."""
    count = simulated(setting, loss, Random(11), years=1000, enough=900)
    assert count.switches == 900
    assert exact(setting, loss).switches == pytest.approx(count.a_year, rel=4 / 900**0.5)
    low, high = count.bounds
    assert low < count.a_year < high


@pytest.mark.parametrize(
    ("setting", "loss"), [(setting_of(10, 3, 3, 30), 0.3), (setting_of(10, 3, 2, 6, fast=1), 0.35)]
)
def test_the_exact_rate_agrees_with_simulated_probes(setting: Setting, loss: float) -> None:
    """The simulation has probes with jitter and time-outs, health and policy."""
    mean = YEAR / exact(setting, loss).switches
    pattern = replace(lossy(loss, 7.0 * mean), troubled=(Side.PRIMARY,))
    waits = []
    for seed in range(RUNS):
        seen = observations(pattern, setting.check, seed)
        first = replayed(seen, 1, setting, pattern.lasts).first_switch(BEGINS)
        assert first is not None
        waits.append(first - BEGINS)
    assert sum(waits) / RUNS == pytest.approx(mean, rel=4 / RUNS**0.5)


RUNS = 40


def test_a_stricter_setting_has_fewer_false_switches() -> None:
    """The settings are listed from the most to the least sensitive."""
    rates = [
        exact(setting, 0.05).switches
        for setting in (
            setting_of(10, 2, 2, 0),
            setting_of(10, 3, 3, 0),
            setting_of(10, 3, 3, 30),
            setting_of(10, 3, 2, 30),
            setting_of(10, 4, 2, 20),
            setting_of(10, 6, 2, 0),
        )
    ]
    assert rates == sorted(rates, reverse=True)


def test_a_grace_shorter_than_a_recovery_prevents_no_false_switch() -> None:
    """Three good probes take 30 s, so no head is up again within 20 s."""
    assert exact(setting_of(10, 3, 3, 20), 0.05).switches == pytest.approx(
        exact(setting_of(10, 3, 3, 20), 0.05).downs
    )


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.6889), (3, 0.6187, 8.7673), (100, 81.36, 121.63), (2000, 1912.3, 2087.7)],
)
def test_the_bounds_of_a_count_are_those_of_garwood(count: int, low: float, high: float) -> None:
    """The expected values are from tables of the chi-squared distribution."""
    assert poisson_bounds(count) == pytest.approx((low, high), rel=1e-3)
