"""Simulated probes start on time, and their results are in order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from simulation.patterns import BEGINS, bursts, hard_down, partial
from simulation.probing import observations
from simulation.setting import CHECK

from failoverdns.model.group import Side


def test_results_come_in_order_of_time_and_are_the_same_for_the_same_seed() -> None:
    seen = list(observations(partial(), CHECK, 3))
    assert all(one.at <= next_.at for one, next_ in pairwise(seen))
    assert {(each.side, each.head) for each in seen} == {(s, h) for s in Side for h in range(3)}
    assert seen == list(observations(partial(), CHECK, 3))
    assert seen != list(observations(partial(), CHECK, 4))


def test_probes_keep_their_interval_within_the_jitter_and_do_not_drift() -> None:
    """The result of a failed probe comes later, after the time-out."""
    check = replace(CHECK, interval=20.0, fast_interval=20.0, jitter=0.1, timeout=5.0)
    of_one = [each for each in observations(hard_down(), check, 1) if each.side is Side.PRIMARY]
    begun = [each.at - each.result.seconds for each in of_one]
    phase = begun[0] % 20.0
    assert len(begun) == pytest.approx(hard_down().lasts / 20.0, abs=1)
    assert all(abs(at - phase - 20.0 * number) <= 4.0 for number, at in enumerate(begun))
    first_bad = next(each for each in of_one if not each.result.is_good)
    assert 5.0 <= first_bad.at - BEGINS <= 5.0 + 20.0 * 1.2


def test_a_dead_head_is_probed_fast_until_its_health_has_settled() -> None:
    """Each probe runs into its timeout, and the next follows at once; then comes the interval."""
    of_one = [each for each in observations(hard_down(), CHECK, 1) if each.side is Side.PRIMARY]
    ends = [each.at for each in of_one if BEGINS <= each.at <= BEGINS + 600.0]
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    fast = [gap for gap in gaps if gap == pytest.approx(CHECK.timeout)]
    assert CHECK.down_after - 1 + 6 <= len(fast) <= CHECK.down_after + 8
    assert gaps[1 : 1 + len(fast)] == fast or gaps[: len(fast)] == fast
    assert max(gaps) <= CHECK.longest_gap + CHECK.timeout


def test_bursts_hit_the_sides_that_they_should() -> None:
    """The same seed gives the same bursts; between two of them all probes arrive."""
    for one_side in (False, True):
        pattern = bursts(20.0, 100.0, 20_000.0, one_side=one_side)
        assert pattern.drawn(1) == pattern.drawn(1) != pattern.drawn(2)
        lost = {side: [not o.result.is_good for o in observations(pattern, CHECK, 1)
                       if o.side is side] for side in Side}  # fmt: skip
        assert 0.1 < sum(lost[Side.PRIMARY]) / len(lost[Side.PRIMARY]) < 0.6
        assert any(lost[Side.BACKUP]) is not one_side
