"""Policies: the move for each row of the truth table, and when it may be made."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watched import AUTO, DOWN, UNKNOWN, UP, condition

from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.policy import Mode, Policy
from failoverdns.model.rule_names import FLAP_GUARD
from failoverdns.rules.decisions.policy import (
    TABLE,
    Move,
    PolicyVerdict,
    Situation,
    row_for,
    verdict,
)
from failoverdns.rules.derived.health import Condition

P, B = Side.PRIMARY, Side.BACKUP
MANUAL, AUTOMATIC = Mode.MANUAL, Mode.AUTOMATIC
ANY_HEALTH, ANY_MODE = (UP, DOWN, UNKNOWN), (MANUAL, AUTOMATIC)
BY_HAND, EITHER = (True,), (False, True)
EVERY_CASE = tuple(product(Side, Health, Health, Mode, EITHER))
Case = tuple[Side, Health, Health, Mode, bool]

EXPECTED = [
    # active primary       backup      fail_back   by hand  move
    (P, (UP,), ANY_HEALTH, ANY_MODE, EITHER, Move.STAY),
    (P, (UNKNOWN,), ANY_HEALTH, ANY_MODE, EITHER, Move.STAY),
    (P, (DOWN,), (UP,), ANY_MODE, EITHER, Move.LEAVE),
    (P, (DOWN,), (DOWN,), ANY_MODE, EITHER, Move.STAY),
    (P, (DOWN,), (UNKNOWN,), ANY_MODE, EITHER, Move.STAY),
    (B, (UP,), (DOWN,), (AUTOMATIC,), EITHER, Move.LEAVE),
    (B, (UP,), (UP, UNKNOWN), (AUTOMATIC,), BY_HAND, Move.STAY),
    (B, (UP,), (UP, UNKNOWN), (AUTOMATIC,), (False,), Move.RETURN),
    (B, (UP,), (DOWN,), (MANUAL,), EITHER, Move.STAY),
    (B, (UP,), (UP, UNKNOWN), (MANUAL,), EITHER, Move.STAY),
    (B, (DOWN,), (DOWN,), ANY_MODE, EITHER, Move.STAY),
    (B, (DOWN,), (UP, UNKNOWN), ANY_MODE, EITHER, Move.STAY),
    (B, (UNKNOWN,), ANY_HEALTH, ANY_MODE, EITHER, Move.STAY),
]
"""For each row of the table: the cases that it matches, and its move."""


def situation(
    active: Side, primary: Health | Condition, backup: Health | Condition, *automatic: float
) -> Situation:
    """A situation; a health without a time holds since 0."""
    sides = (each if isinstance(each, Condition) else condition(each) for each in (primary, backup))
    return Situation(active, *sides, automatic)


def row_of(active: Side, primary: Health, backup: Health, fail_back: Mode, by_hand: bool) -> int:
    """The number of the row that a case matches."""
    row = row_for(replace(situation(active, primary, backup), by_hand=by_hand), fail_back)
    return next(number for number, other in enumerate(TABLE) if other is row)


@pytest.mark.parametrize("number", range(len(TABLE)), ids=lambda n: TABLE[n].why.replace(" ", "-"))
def test_a_row_of_the_table_matches_the_expected_cases_and_has_the_expected_move(
    number: int,
) -> None:
    active, primary, backup, fail_back, by_hand, move = EXPECTED[number]
    mine = set(product((active,), primary, backup, fail_back, by_hand))
    assert {case for case in EVERY_CASE if row_of(*case) == number} == mine
    assert TABLE[number].move is move


def test_the_table_has_every_case() -> None:
    """Each row is matched by at least one case."""
    assert len(EXPECTED) == len(TABLE)
    assert {row_of(*case) for case in EVERY_CASE} == set(range(len(TABLE)))


@pytest.mark.parametrize("case", EVERY_CASE, ids=str)
def test_no_row_moves_a_group_to_a_side_that_is_not_up(case: Case) -> None:
    active, primary, backup, fail_back, by_hand = case
    looked_at = replace(situation(*case[:3]), by_hand=by_hand)
    says = verdict(replace(AUTO, fail_back=fail_back), looked_at, 1e6)
    if says.to is not None:
        assert says.to is active.other
        assert (primary if says.to is P else backup) is UP


TWICE = replace(AUTO, max_switches=2)
DOWN_SINCE_100 = situation(P, condition(DOWN, 100.0), UP)
RECOVERED_AT_100 = situation(B, condition(UP, 100.0), UP)


@pytest.mark.parametrize(
    ("now", "waits_for"), [(100.0, "grace"), (129.9, "grace"), (130.0, ""), (500.0, "")]
)
def test_a_group_leaves_a_side_that_was_down_for_the_grace_period(
    now: float, waits_for: str
) -> None:
    assert verdict(AUTO, DOWN_SINCE_100, now) == PolicyVerdict(
        "the primary is down and the backup is up", B, 130.0, waits_for
    )


@pytest.mark.parametrize(
    ("now", "waits_for"), [(100.0, "hold"), (219.9, "hold"), (220.0, ""), (900.0, "")]
)
def test_a_group_fails_back_when_the_primary_was_up_for_the_hold_time(
    now: float, waits_for: str
) -> None:
    assert verdict(AUTO, RECOVERED_AT_100, now) == PolicyVerdict(
        "the primary is up again", P, 220.0, waits_for
    )


def test_the_hold_time_is_counted_from_the_recovery_not_from_the_switch() -> None:
    """Only the cooldown is counted from the last switch."""
    late = replace(RECOVERED_AT_100, automatic=(150.0,))
    assert verdict(AUTO, late, 200.0).at == 220.0
    later = replace(RECOVERED_AT_100, automatic=(200.0,))
    assert verdict(AUTO, later, 210.0) == PolicyVerdict(
        "the primary is up again", P, 260.0, "cooldown"
    )


def test_a_fail_back_leaves_one_switch_in_reserve() -> None:
    """A group on its primary must be able to leave it again, if more than one switch is allowed."""
    late = replace(RECOVERED_AT_100, automatic=(90.0,))
    assert verdict(AUTO, late, 300.0).at == 220.0
    assert verdict(TWICE, late, 300.0) == PolicyVerdict(
        "the primary is up again", P, 1090.0, FLAP_GUARD
    )
    once = replace(AUTO, max_switches=1)
    assert verdict(once, late, 300.0).at == 1090.0
    assert verdict(once, replace(late, automatic=()), 300.0).at == 220.0


def test_the_grace_period_begins_with_the_last_of_its_conditions() -> None:
    """It begins when the other side came up, or with a manual switch, if that was later."""
    cut_off = situation(P, condition(DOWN, 100.0), condition(UP, 150.0))
    assert verdict(AUTO, cut_off, 160.0).at == 180.0
    by_hand = replace(DOWN_SINCE_100, switched_at=190.0, by_hand=True)
    assert verdict(AUTO, by_hand, 200.0) == PolicyVerdict(
        "the primary is down and the backup is up", B, 220.0, "grace"
    )


def test_a_backup_that_goes_down_does_not_delay_a_fail_back() -> None:
    """The backup goes down when the hold time is nearly over."""
    dying = situation(B, condition(UP, 100.0), condition(DOWN, 210.0))
    assert verdict(AUTO, dying, 215.0) == PolicyVerdict(
        "the backup is down and the primary is up", P, 220.0, "hold"
    )
    assert verdict(AUTO, replace(dying, by_hand=True), 215.0).at == 240.0


def test_the_flap_guard_is_the_reason_only_when_nothing_else_delays_the_switch() -> None:
    """A short outage that ends within the grace period is not recorded as held."""
    blip = replace(situation(P, condition(DOWN, 200.0), UP), automatic=(10.0, 110.0))
    says = verdict(TWICE, blip, 210.0)
    assert (says.at, says.waits_for, says.is_held) == (1010.0, "grace", False)
    assert verdict(TWICE, blip, 230.0).is_held


def test_a_backup_that_is_down_is_left_after_the_grace_period_for_a_primary_that_is_up() -> None:
    """The hold time does not apply, because the backup cannot answer."""
    left = situation(B, condition(UP, 90.0), condition(DOWN, 100.0))
    assert verdict(AUTO, left, 100.0).at == 130.0


@pytest.mark.parametrize(
    ("now", "waits_for"), [(130.0, "cooldown"), (179.9, "cooldown"), (180, "")]
)
def test_automatic_switches_are_at_least_the_cooldown_apart(now: float, waits_for: str) -> None:
    after = replace(DOWN_SINCE_100, automatic=(120.0,))
    assert verdict(AUTO, after, now) == PolicyVerdict(
        "the primary is down and the backup is up", B, 180.0, waits_for
    )


@pytest.mark.parametrize(
    ("automatic", "now", "at", "waits_for"),
    [
        pytest.param((10.0,), 200.0, 130.0, "", id="one may follow"),
        pytest.param((10.0, 110.0), 200.0, 1010.0, FLAP_GUARD, id="as many as are allowed"),
        pytest.param((10.0, 110.0), 1009.9, 1010.0, FLAP_GUARD, id="until the window is over"),
        pytest.param((10.0, 110.0), 1010.0, 170.0, "", id="then one may follow"),
        pytest.param((5.0, 10.0, 110.0), 200.0, 1010.0, FLAP_GUARD, id="more than are allowed"),
    ],
)
def test_the_flap_guard_holds_a_group_that_switched_too_often(
    automatic: tuple[float, ...], now: float, at: float, waits_for: str
) -> None:
    says = verdict(TWICE, replace(DOWN_SINCE_100, automatic=automatic), now)
    assert (says.at, says.waits_for) == (at, waits_for)
    assert says.is_held is (waits_for == FLAP_GUARD)


def test_a_switch_in_the_future_counts_as_made_now() -> None:
    """The clock was set back while no server ran: the group must not wait for years."""
    after = replace(DOWN_SINCE_100, automatic=(1e9,))
    assert verdict(AUTO, after, 500.0).at == 560.0
    guarded = replace(DOWN_SINCE_100, automatic=(1e9, 2e9))
    assert verdict(TWICE, guarded, 500.0).at == 1500.0


def test_the_verdict_to_stay_has_a_reason_and_no_time() -> None:
    says = verdict(replace(AUTO, fail_back=MANUAL), RECOVERED_AT_100, 1e6)
    assert says == PolicyVerdict("the primary is up, but fail-back is manual")
    assert (says.to, says.waits_for, says.is_held) == (None, "", False)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from(Health), st.sampled_from(Health))),
    st.integers(1, 3),
    st.sampled_from([0.0, 10.0, 60.0]),
)
def test_a_policy_never_switches_more_often_than_it_allows(
    story: list[tuple[int, Health, Health]], most: int, cooldown: float
) -> None:
    policy = Policy(
        "x", AUTOMATIC, 0.0, AUTOMATIC, 0.0, cooldown=cooldown, max_switches=most, window=100.0
    )
    now, active, done = 0.0, P, list[float]()
    for passed, primary, backup in story:
        now += passed
        says = verdict(policy, situation(active, primary, backup, *done), now)
        if says.to is not None and says.at <= now:
            active, done = says.to, [*done, now]
    for earlier, later in pairwise(done):
        assert later - earlier >= cooldown
    for first, one_too_many in zip(done, done[most:], strict=False):
        assert one_too_many - first >= policy.window
