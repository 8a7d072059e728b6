"""How fast and how safe settings are: the defaults meet their goals, and no candidate is beaten."""

from __future__ import annotations

import pytest
from simulation.frontier import candidates, judged, longest_burst, switched_after, unbeaten
from simulation.patterns import BEGINS, blip, cut_off, hard_down
from simulation.probing import observations
from simulation.replay import replayed
from simulation.setting import FORMER, Setting, setting_of


def switched(setting: Setting, seed: int) -> float:
    """Return when the whole simulation switches after the death of the primary."""
    pattern = hard_down(300.0)
    run = replayed(observations(pattern, setting.check, seed), 1, setting, pattern.lasts)
    at = run.first_switch(BEGINS)
    assert at is not None
    return at - BEGINS


def test_the_defaults_are_fast_and_safe() -> None:
    """A dead primary is left within 30 s (median), a healthy one less than once in 20 years."""
    own, former = judged(Setting()), judged(FORMER)
    assert own.switched <= 30.0 < former.switched / 2
    assert own.false <= 0.05 < former.false
    assert own.burst >= 20.0


def test_no_other_grace_makes_the_defaults_both_faster_and_safer() -> None:
    found = unbeaten(judged(setting) for setting in candidates([(10.0, 1.0)]))
    assert judged(Setting()) in found


@pytest.mark.parametrize("setting", [Setting(), FORMER, setting_of(5, 3, 2, 8, fast=0.5)])
def test_the_delay_agrees_with_the_whole_simulation(setting: Setting) -> None:
    """Half of the runs are faster than the median, and half are slower."""
    times = sorted(switched(setting, seed) for seed in range(31))
    assert switched_after(setting) == pytest.approx(times[15], abs=0.25 * setting.check.interval)


@pytest.mark.parametrize("setting", [Setting(), FORMER, setting_of(10, 3, 2, 15, fast=1)])
def test_a_burst_up_to_the_longest_one_causes_no_switch(setting: Setting) -> None:
    """And one that is longer by an interval always does."""
    longest, check = longest_burst(setting), setting.check
    for lasts, switches in ((longest - 1.0, False), (longest + check.longest_gap, True)):
        pattern = blip(lasts)
        for seed in range(8):
            run = replayed(observations(pattern, check, seed), 1, setting, BEGINS + 200.0)
            assert bool(run.switches) is switches


def test_every_candidate_outlives_a_cut_off() -> None:
    """Whichever side is seen first afterwards."""
    pattern = cut_off(100.0)
    for setting in list(candidates())[::12]:
        for seed in range(4):
            seen = observations(pattern, setting.check, seed)
            assert replayed(seen, 1, setting, BEGINS + 300.0).switches == ()
