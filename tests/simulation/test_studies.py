"""What studies find is what the policy promises."""

from __future__ import annotations

import pytest
from simulation.setting import POLICY, Setting
from simulation.studies import PERIODS, Flaps, Means, flaps


def found(hours: float) -> dict[str, Flaps]:
    """Let a primary flap for so many hours, once for each period and each set of guards."""
    means = Means(1, 1, 1, lambda what, done, parts: None, hours)
    return {each.name: each for each in flaps(Setting(), means)}


@pytest.fixture(scope="module")
def flapping() -> dict[str, Flaps]:
    """What four hours come to."""
    return found(4.0)


GUARDED = "hold, cooldown, flap guard"
SEEN = [period for period in PERIODS if period >= 120.0]
"""Periods in which the primary is down for long enough to be seen."""


@pytest.mark.parametrize("period", SEEN)
def test_a_group_is_never_stuck_for_long_on_a_side_that_comes_and_goes(
    flapping: dict[str, Flaps], period: float
) -> None:
    """The flap guard lets a group go back only if it can leave again."""
    assert flapping[GUARDED].right[period] > 0.9
    assert flapping[GUARDED].right[period] > flapping["hold"].right[period] - 0.02
    assert flapping[GUARDED].an_hour[period] <= POLICY.max_switches


def test_guards_spare_most_switches(flapping: dict[str, Flaps]) -> None:
    """Without them a group follows each turn of the primary."""
    bare, guarded = flapping["no guards"].an_hour, flapping[GUARDED].an_hour
    for period in SEEN:
        if period <= 900.0:
            assert bare[period] == pytest.approx(7200.0 / period, rel=0.05)
            assert guarded[period] < bare[period] / 3.0


def test_what_is_over_before_it_is_seen_is_not_left(flapping: dict[str, Flaps]) -> None:
    """A primary that is down for 30 s of each minute is never known to be down."""
    assert flapping[GUARDED].an_hour[60.0] == 0.0
    assert flapping[GUARDED].right[60.0] == pytest.approx(0.5, abs=0.01)
