"""Budgets of new connections and of handshakes, with the time as a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.net import budgets
from failoverdns.net.budgets import ArrivalLimit, TimeBudget, Turns


def flood(
    limit: ArrivalLimit, networks: int, rate: int, seconds: float, begin: float = 0.0
) -> list[bool]:
    """Return which connections get a place, of as many networks, at a rate."""
    return [
        limit.admits((n % networks).to_bytes(4, "big"), begin + n / rate, is_known=False)
        for n in range(int(rate * seconds))
    ]


def test_a_thousand_connections_a_second_of_one_network_get_places() -> None:
    assert all(flood(ArrivalLimit(), 1, 1000, 5))


def test_one_network_leaves_room_for_others() -> None:
    """Ten times its rate gets its rate, and another network all that it wants."""
    limit = ArrivalLimit()
    flooding = flood(limit, 1, 15000, 4)
    assert 4 * budgets.ARRIVALS_OF_ONE < sum(flooding) <= 4.3 * budgets.ARRIVALS_OF_ONE
    assert all(limit.admits(b"other", 4 + n / 500, is_known=False) for n in range(500))


def test_many_networks_together_have_a_limit_that_known_addresses_do_not_share() -> None:
    limit = ArrivalLimit()
    assert sum(flood(limit, 5000, 20000, 2)) <= 2.3 * budgets.ARRIVALS
    assert not all(limit.admits(b"other", 2, is_known=False) for _ in range(2))
    assert all(limit.admits(b"other", 2, is_known=True) for _ in range(100))


@given(st.lists(st.tuples(st.floats(0, 0.1), st.floats(0, 0.05), st.booleans()), max_size=60))
def test_handshakes_take_their_share_of_the_time_at_most(
    events: list[tuple[float, float, bool]],
) -> None:
    """Known addresses have a share of their own, which others never use."""
    budget, now, others, longest = TimeBudget(), 0.0, 0.0, 0.0
    for pause, cost, is_known in events:
        now += pause
        if budget.wait(now, is_known=is_known) == 0:
            budget.charge(now, cost, is_known=is_known)
            others += 0 if is_known else cost
            longest = max(longest, cost)
        assert others <= budgets.TIME_SHARE * (now + 0.25) + longest + 1e-6


def test_known_addresses_have_time_when_others_have_used_theirs() -> None:
    budget = TimeBudget()
    budget.charge(0, 5, is_known=False)
    assert budget.wait(0, is_known=False) == pytest.approx((5 - 0.1) / budgets.TIME_SHARE, rel=0.01)
    assert budget.wait(0, is_known=True) == 0
    budget.charge(0, 5, is_known=True)
    assert budget.wait(0, is_known=True) > 1


def order(turns: Turns[str]) -> list[str]:
    """Return all who wait, in the order of their turns."""
    found = []
    while (turn := turns.next()) is not None:
        found.append(turn.one)
    assert len(turns) == 0
    return found


def test_networks_take_turns_and_the_newest_connection_comes_first() -> None:
    turns: Turns[str] = Turns()
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        turns.enter(name, name[:1].encode(), is_known=False)
    assert order(turns) == ["c1", "b2", "a3", "b1", "a2", "a1"]


def test_known_addresses_come_first() -> None:
    turns: Turns[str] = Turns()
    turns.enter("k1", b"k", is_known=True)
    turns.enter("a1", b"a", is_known=False)
    turns.enter("l1", b"l", is_known=True)
    assert turns.has_known
    assert order(turns) == ["l1", "k1", "a1"]
    turns.enter("a1", b"a", is_known=False)
    assert not turns.has_known
    assert turns.next(only_known=True) is None


def test_who_leaves_has_no_turn() -> None:
    turns: Turns[str] = Turns()
    for name in ("a1", "a2", "b1"):
        turns.enter(name, name[:1].encode(), is_known=False)
    for name in ("a2", "b1", "nobody"):
        turns.leave(name)
    assert order(turns) == ["a1"]
    assert turns.next() is None


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_everybody_who_waits_has_one_turn(entered: list[tuple[int, bool]]) -> None:
    turns: Turns[int] = Turns()
    for number, (network, is_known) in enumerate(entered):
        turns.enter(number, bytes([network]), is_known=is_known)
        turns.enter(number, bytes([network]), is_known=is_known)
    found = []
    while (turn := turns.next()) is not None:
        assert turn.is_known == entered[turn.one][1]
        found.append(turn.one)
    assert sorted(found) == list(range(len(entered)))


@given(st.integers(2, 50), st.integers(1, 50))
def test_a_network_that_comes_late_is_next(networks: int, each: int) -> None:
    """However many of others wait."""
    turns: Turns[object] = Turns()
    for number in range(networks * each):
        turns.enter(number, (number % networks).to_bytes(4, "big"), is_known=False)
    for _ in range(networks // 2):
        turns.next()
    turns.enter("late", b"late", is_known=False)
    turn = turns.next()
    assert turn is not None
    assert turn.one == "late"
