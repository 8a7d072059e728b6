"""The rate of false switches by bursts follows from the shares of bursts that cause one."""

from __future__ import annotations

from math import exp

import pytest
from simulation.bursts import APART, LENGTHS, Shares, burst
from simulation.losses import YEAR
from simulation.probing import observations
from simulation.replay import replayed
from simulation.setting import Setting

BURSTS = YEAR / APART
"""Bursts in a year."""


def test_a_setting_that_always_switches_does_so_with_each_burst() -> None:
    assert Shares({0.1: 1.0, 90.0: 1.0}).a_year(10.0) == pytest.approx(BURSTS, rel=0.01)


def test_a_setting_that_never_switches_has_no_false_switches() -> None:
    assert Shares(dict.fromkeys(LENGTHS, 0.0)).a_year(10.0) == 0.0


def test_bursts_are_exponential() -> None:
    """If only those beyond 20 s cause a switch, it is the tail of that distribution."""
    shares = Shares({20.0: 0.0, 20.001: 1.0, 90.0: 1.0})
    assert shares.a_year(5.0) == pytest.approx(BURSTS * exp(-4.0), rel=0.01)


@pytest.mark.parametrize("lasts", [5.0, 20.0, 40.0, 90.0])
def test_a_burst_that_hits_both_sides_causes_no_switch_with_the_defaults(lasts: float) -> None:
    pattern, setting = burst(lasts, one_side=False), Setting()
    for seed in range(10):
        seen = observations(pattern, setting.check, seed)
        assert replayed(seen, 1, setting, pattern.lasts).switches == ()


@pytest.mark.parametrize(("lasts", "switches"), [(20.0, False), (40.0, True)])
def test_a_long_burst_at_the_primary_alone_looks_like_an_outage(
    lasts: float, switches: bool
) -> None:
    pattern, setting = burst(lasts, one_side=True), Setting()
    for seed in range(10):
        seen = observations(pattern, setting.check, seed)
        assert bool(replayed(seen, 1, setting, pattern.lasts).switches) is switches
