"""False switches: what is computed is what dice give, and what the simulation of probes gives."""

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


def test_the_rate_of_one_bad_probe_is_simple() -> None:
    """With `down_after: 1`, `up_after: 1` and no grace each lost probe is a switch."""
    rate = exact(setting_of(10, 1, 1, 0), 0.01)
    assert rate.switches == rate.downs == pytest.approx(YEAR / 10 * 0.01)


def test_the_rate_of_runs_is_as_books_have_it() -> None:
    """The first run of r losses comes after (1 - p^r) / ((1 - p) p^r) probes on average."""
    for runs, loss in ((2, 0.05), (3, 0.2), (5, 0.1)):
        mean = (1 - loss**runs) / ((1 - loss) * loss**runs)
        assert exact(setting_of(10, runs, 3, 0), loss).switches == pytest.approx(YEAR / 10 / mean)


@pytest.mark.parametrize(
    ("setting", "loss"),
    [
        (setting_of(10, 3, 3, 30), 0.2),
        (setting_of(10, 3, 3, 28), 0.15),  # whether it is up in time is a matter of jitter
        (setting_of(10, 4, 2, 20), 0.35),
        (setting_of(5, 2, 2, 30), 0.5),
        (Setting(replace(CHECK, jitter=0.5), POLICY), 0.35),
    ],
)
def test_what_is_computed_is_what_dice_give(setting: Setting, loss: float) -> None:
    """Within what chance allows: four standard deviations of 900 switches."""
    count = simulated(setting, loss, Random(11), years=1000, enough=900)
    assert count.switches == 900
    assert exact(setting, loss).switches == pytest.approx(count.a_year, rel=4 / 900**0.5)
    low, high = count.bounds
    assert low < count.a_year < high


def test_what_is_computed_is_what_simulated_probes_give() -> None:
    """All of it: probes with jitter and time-outs, health, policy, until the first switch."""
    setting = setting_of(10, 3, 3, 30)
    pattern = replace(lossy(0.3, 15_000.0), troubled=(Side.PRIMARY,))
    waits = []
    for seed in range(50):
        seen = observations(pattern, setting.check, seed)
        first = replayed(seen, 1, setting, pattern.lasts).first_switch(BEGINS)
        assert first is not None
        waits.append(first - BEGINS)
    mean = YEAR / exact(setting, 0.3).switches
    assert sum(waits) / 50 == pytest.approx(mean, rel=4 / 50**0.5)


def test_no_grace_and_fewer_bad_probes_are_worse() -> None:
    """The order of the settings is what it should be."""
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


def test_a_grace_that_is_shorter_than_recovery_saves_nothing() -> None:
    """Three good probes take 30 s: nobody is up again within 20 s."""
    assert exact(setting_of(10, 3, 3, 20), 0.05).switches == pytest.approx(
        exact(setting_of(10, 3, 3, 20), 0.05).downs
    )


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.6889), (3, 0.6187, 8.7673), (100, 81.36, 121.63), (2000, 1912.3, 2087.7)],
)
def test_the_bounds_of_a_count_are_garwoods(count: int, low: float, high: float) -> None:
    """As in tables of the chi-squared distribution."""
    assert poisson_bounds(count) == pytest.approx((low, high), rel=1e-3)
