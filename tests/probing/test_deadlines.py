"""Deadlines of many things, most of which end before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from failoverdns.probing.deadlines import Deadlines


def test_a_removed_deadline_never_passes() -> None:
    deadlines = Deadlines()
    for number, at in ((1, 5.0), (2, 3.0), (3, 4.0)):
        deadlines.note(number, at)
    assert deadlines.next() == 3.0
    deadlines.drop(2)
    assert deadlines.next() == 4.0
    assert deadlines.passed(3.9) == []
    assert deadlines.passed(9.0) == [3, 1]
    assert deadlines.next() is None
    assert deadlines.passed(9.0) == []


def test_all_remaining_deadlines_can_be_postponed() -> None:
    """Removed ones stay removed."""
    deadlines = Deadlines()
    for number in (1, 2, 3):
        deadlines.note(number, float(number))
    deadlines.drop(2)
    deadlines.postpone(10.0)
    assert deadlines.next() == 11.0
    assert deadlines.passed(12.9) == [1]
    assert deadlines.passed(13.0) == [3]


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=40), st.floats(0, 10))
def test_deadlines_pass_in_order_and_once(things: list[tuple[float, bool]], now: float) -> None:
    """Whichever were removed."""
    deadlines = Deadlines()
    for number, (at, _) in enumerate(things):
        deadlines.note(number, at)
    for number, (_, dropped) in enumerate(things):
        if dropped:
            deadlines.drop(number)
    left = sorted((at, n) for n, (at, dropped) in enumerate(things) if not dropped)
    assert deadlines.passed(now) == [n for at, n in left if at <= now]
    assert deadlines.passed(11) == [n for at, n in left if at > now]
