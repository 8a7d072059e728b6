"""The results of studies agree with the promises of the policy."""

from __future__ import annotations

import pytest
from simulation.setting import POLICY, Setting
from simulation.studies import PERIODS, Flaps, StudyOptions, flaps


def found(hours: float) -> dict[str, Flaps]:
    """Let a primary flap for some hours, once for each period and each set of guards."""
    options = StudyOptions(1, 1, 1, lambda what, done, parts: None, hours)
    return {each.name: each for each in flaps(Setting(), options)}


@pytest.fixture(scope="module")
def flapping() -> dict[str, Flaps]:
    """Return the results for four hours."""
    return found(4.0)


GUARDED = "hold, cooldown, flap guard"
SEEN = [period for period in PERIODS if period >= 60.0]
"""Periods in which the primary is down long enough to be detected."""


@pytest.mark.parametrize("period", SEEN)
def test_a_group_does_not_stay_for_long_on_a_flapping_side(
    flapping: dict[str, Flaps], period: float
) -> None:
    """The flap guard lets a group fail back only if it can switch again."""
    assert flapping[GUARDED].right[period] > 0.9
    assert flapping[GUARDED].right[period] > flapping["hold"].right[period] - 0.05
    assert flapping[GUARDED].an_hour[period] <= POLICY.max_switches


def test_guards_prevent_most_switches(flapping: dict[str, Flaps]) -> None:
    """Without guards a group follows each change of the primary."""
    bare, guarded = flapping["no guards"].an_hour, flapping[GUARDED].an_hour
    for period in SEEN:
        if 120.0 <= period <= 900.0:
            assert bare[period] == pytest.approx(7200.0 / period, rel=0.05)
            assert guarded[period] < bare[period] / 3.0


def test_an_outage_shorter_than_detection_causes_no_switch(flapping: dict[str, Flaps]) -> None:
    """A primary that is down for 15 s of each 30 is up again before the grace is over."""
    assert flapping[GUARDED].an_hour[30.0] == 0.0
    assert flapping[GUARDED].right[30.0] == pytest.approx(0.5, abs=0.01)


def test_a_primary_that_is_down_half_of_each_minute_is_left(flapping: dict[str, Flaps]) -> None:
    """The group stays on its backup, because the primary is never up for the hold."""
    assert flapping[GUARDED].an_hour[60.0] <= 0.5
    assert flapping[GUARDED].right[60.0] > 0.98
